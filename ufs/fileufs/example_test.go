package fileufs_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/fileufs"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "fileufs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := fileufs.Open(dir, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	ctx := context.Background()
	w, err := store.Create(ctx, "2026/11/log", ufs.CreateOptions{Parents: true})
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(w, "hello")
	if _, err := w.Commit(ctx); err != nil { // from here on it shows
		log.Fatal(err)
	}
	for a, err := range store.List(ctx, ufs.ListOptions{Recursive: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(a.Key, a.Size)
	}
	// Output:
	// 2026 0
	// 2026/11 0
	// 2026/11/log 5
}

// A URL opens the same, as a mount does.
func Example_url() {
	dir, err := os.MkdirTemp("", "fileufs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := ufs.Open(context.Background(), "file://"+filepath.ToSlash(dir), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	a, err := store.Stat(context.Background(), "")
	fmt.Println(a.Dir, err)
	// Output: true <nil>
}
