package cachefs_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// A node over a store in memory; in a program, the URL of a bucket or a directory stands in the Config.
func exampleNode(files ...string) (*cachefs.Node, *memufs.Store) {
	store := memufs.New(nil)
	for _, name := range files {
		w, err := store.UFS().Create(context.Background(), name, ufs.CreateOptions{Parents: true})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintf(w, "bytes of %s", name)
		if _, err := w.Commit(context.Background()); err != nil {
			log.Fatal(err)
		}
	}
	node, err := cachefs.Open(context.Background(), cachefs.Config{
		Mounts: []cachefs.MountConfig{{Path: "/data", Store: store.UFS()}},
	})
	if err != nil {
		log.Fatal(err)
	}
	return node, store
}

func put(n *cachefs.Node, path, text string, o *cachefs.CreateOptions) {
	w, err := n.Create(context.Background(), path, o)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
}

func get(n *cachefs.Node, path string) string {
	f, err := n.Open(context.Background(), path, nil)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// The zero Config is a node of memory alone: a scratch file system for a program or its tests.
func ExampleOpen() {
	node, err := cachefs.Open(context.Background(), cachefs.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	put(node, "/hello.txt", "hello, mill", nil)
	fmt.Println(get(node, "/hello.txt"))
	// Output: hello, mill
}

// All that is wrong with a Config is said at once.
func ExampleOpen_invalid() {
	_, err := cachefs.Open(context.Background(), cachefs.Config{
		BlockSize: 1000,
		Tiers:     []tier.Config{{Kind: tier.SSD, Size: 1 << 30}},
		Mounts:    []cachefs.MountConfig{{Path: "data"}},
	})
	fmt.Println(err)
	// Output:
	// cachefs: invalid argument: Config.BlockSize is 1000; want 0 (the default, 4 MiB) or a multiple of 64 KiB up to 1 GiB
	// Config.Mounts[0].Path is "data": invalid argument: relative path; paths begin with "/"
	// invalid argument: Config.Mounts[0].URL is ""; want the URL of an under store, or an opened one in Store
	// invalid argument: Config.Tiers[0].Dirs is empty; want a directory for the ssd tier, or a Config.Dir that it can live in
}

// Any number of goroutines may read at any offset of one open file.
func ExampleNode_Open() {
	node, store := exampleNode("in/a.log")
	defer node.Close()
	ctx := context.Background()
	f, err := node.Open(ctx, "/data/in/a.log", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 5)
	for range 3 {
		if _, err := f.ReadAt(p, 9); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%s, %d bytes, store read %d time\n", p, f.Size(), store.Calls()["open"])
	// Output: in/a., 17 bytes, store read 1 time
}

// A View lends the cached bytes themselves.
func ExampleFile_View() {
	node, _ := exampleNode("a")
	defer node.Close()
	f, err := node.Open(context.Background(), "/data/a", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	v, err := f.View(0, 5)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", v.Bytes())
	v.Release() // the bytes must not be used any more
	// Output: bytes
}

// A file belongs to the context that opened it; WithContext reads on under another.
func ExampleFile_WithContext() {
	node, _ := exampleNode("a")
	defer node.Close()
	ctx, cancel := context.WithCancel(context.Background())
	f, err := node.Open(ctx, "/data/a", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	cancel()
	_, err = f.ReadAt(make([]byte, 5), 0)
	fmt.Println(err)
	p := make([]byte, 5)
	f.WithContext(context.Background()).ReadAt(p, 0)
	fmt.Printf("%s\n", p)
	// Output:
	// read /data/a: context canceled
	// bytes
}

func ExampleFile_Seek() {
	node, _ := exampleNode("a")
	defer node.Close()
	f, err := node.Open(context.Background(), "/data/a", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	f.Seek(-4, io.SeekEnd)
	b, _ := io.ReadAll(f)
	fmt.Printf("%s\n", b)
	// Output: of a
}

func ExampleFile_WriteTo() {
	node, _ := exampleNode("a")
	defer node.Close()
	f, err := node.Open(context.Background(), "/data/a", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var b strings.Builder
	n, err := f.WriteTo(&b) // io.Copy uses it
	fmt.Println(n, err, b.String())
	// Output: 10 <nil> bytes of a
}

// A file is there, whole, when Close has returned.
func ExampleNode_Create() {
	node, store := exampleNode()
	defer node.Close()
	ctx := context.Background()
	w, err := node.Create(ctx, "/data/out/result", &cachefs.CreateOptions{Parents: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(w, "42")
	_, err = node.Open(ctx, "/data/out/result", nil)
	fmt.Println(err)
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	a, err := store.UFS().Stat(ctx, "out/result")
	fmt.Println(get(node, "/data/out/result"), a.Size, err)
	// Output:
	// open /data/out/result: not complete yet; OpenOptions.Wait waits for its Close
	// 42 2 <nil>
}

// Where the bytes are when Close returns, for each write type.
func ExampleCreateOptions() {
	node, store := exampleNode()
	defer node.Close()
	for _, t := range []struct {
		name string
		wt   cachefs.WriteType
	}{
		{"MustCache", cachefs.MustCache}, {"CacheThrough", cachefs.CacheThrough}, {"Through", cachefs.Through}, {"AsyncThrough", cachefs.AsyncThrough},
	} {
		path := "/data/" + t.name
		put(node, path, "x", &cachefs.CreateOptions{WriteType: t.wt})
		blocks, err := node.Locate(context.Background(), path, nil)
		if err != nil {
			log.Fatal(err)
		}
		stored := "later"
		if t.wt != cachefs.AsyncThrough {
			_, err := store.UFS().Stat(context.Background(), t.name)
			stored = fmt.Sprint(err == nil)
		}
		fmt.Printf("%-12s cached %-5t stored %s\n", t.name, len(blocks[0].Nodes) > 0, stored)
	}
	// Output:
	// MustCache    cached true  stored false
	// CacheThrough cached true  stored true
	// Through      cached false stored true
	// AsyncThrough cached true  stored later
}

// Overwrite and Append replace the file at Close; who reads meanwhile has the old one.
func ExampleCreateOptions_append() {
	node, _ := exampleNode("log")
	defer node.Close()
	w, err := node.Create(context.Background(), "/data/log", &cachefs.CreateOptions{Append: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(w, ", and more")
	fmt.Println(get(node, "/data/log"))
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(get(node, "/data/log"))
	// Output:
	// bytes of log
	// bytes of log, and more
}

// An aborted file leaves nothing.
func ExampleWriter_Abort() {
	node, store := exampleNode()
	defer node.Close()
	w, err := node.Create(context.Background(), "/data/f", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(w, "half of i")
	w.Abort()
	fmt.Println(get(node, "/data/f"))
	fmt.Println(store.Calls()["commit"])
	// Output:
	// open /data/f: file does not exist
	// 0
}

// ReadFrom reads straight into the cache.
func ExampleWriter_ReadFrom() {
	node, _ := exampleNode()
	defer node.Close()
	w, err := node.Create(context.Background(), "/data/f", nil)
	if err != nil {
		log.Fatal(err)
	}
	n, err := io.Copy(w, strings.NewReader("copied")) // uses it
	fmt.Println(n, err, w.Close(), get(node, "/data/f"))
	// Output: 6 <nil> <nil> copied
}
