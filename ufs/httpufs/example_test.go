package httpufs_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"testing/fstest"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/httpufs"
)

func ExampleOpen() {
	files := fstest.MapFS{"data/a.csv": {Data: []byte("1,2,3\n")}, "data/b.csv": {Data: []byte("4,5\n")}}
	for _, f := range files {
		f.ModTime = f.ModTime.AddDate(2000, 0, 0)
	}
	server := httptest.NewServer(http.FileServerFS(files))
	defer server.Close()

	ctx := context.Background()
	store, err := httpufs.Open(ctx, server.URL+"/data/", &httpufs.Options{Header: http.Header{"User-Agent": {"example"}}})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	for a, err := range store.List(ctx, ufs.ListOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(a.Key, a.Size)
	}
	p := make([]byte, 3)
	n, err := store.ReadAt(ctx, "a.csv", "", p, 2)
	fmt.Printf("%s %v\n", p[:n], err)
	// Output:
	// a.csv 6
	// b.csv 4
	// 2,3 <nil>
}
