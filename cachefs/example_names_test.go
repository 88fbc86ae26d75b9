package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
)

func ExampleNode_List() {
	node, _ := exampleNode("logs/1", "logs/2", "logs/old/0", "other")
	defer node.Close()
	for info, err := range node.List(context.Background(), "/data", &cachefs.ListOptions{Recursive: true, StartAfter: "logs/1"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(info.Mode(), info.Path())
	}
	// Output:
	// -rw-r--r-- /data/logs/2
	// drwxr-xr-x /data/logs/old
	// -rw-r--r-- /data/logs/old/0
	// -rw-r--r-- /data/other
}

func ExampleNode_Stat() {
	node, _ := exampleNode("a")
	defer node.Close()
	info, err := node.Stat(context.Background(), "/data/a", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Name(), info.Size(), info.Complete(), info.Persist() == cachefs.Persisted)
	_, err = node.Stat(context.Background(), "/data/none", nil)
	fmt.Println(err, errors.Is(err, fs.ErrNotExist))
	// Output:
	// a 10 true true
	// stat /data/none: file does not exist true
}

func ExampleNode_Mkdir() {
	node, _ := exampleNode()
	defer node.Close()
	ctx := context.Background()
	fmt.Println(node.Mkdir(ctx, "/data/a/b", nil))
	fmt.Println(node.Mkdir(ctx, "/data/a/b", &cachefs.MkdirOptions{Parents: true}))
	// Output:
	// mkdir /data/a/b: file does not exist; make the directory above, or set Parents
	// <nil>
}

func ExampleNode_Rename() {
	node, _ := exampleNode("a", "b")
	defer node.Close()
	ctx := context.Background()
	fmt.Println(node.Rename(ctx, "/data/a", "/data/b", nil))
	fmt.Println(node.Rename(ctx, "/data/a", "/data/b", &cachefs.RenameOptions{Overwrite: true}))
	fmt.Println(get(node, "/data/b"))
	// Output:
	// rename /data/a /data/b: file already exists; Overwrite replaces a file
	// <nil>
	// bytes of a
}

func ExampleNode_Remove() {
	node, store := exampleNode("d/a", "d/b")
	defer node.Close()
	ctx := context.Background()
	for range node.List(ctx, "/data/d", nil) { // what was never seen is not removed
	}
	fmt.Println(node.Remove(ctx, "/data/d", nil))
	fmt.Println(node.Remove(ctx, "/data/d", &cachefs.RemoveOptions{Recursive: true}))
	_, err := store.UFS().Stat(ctx, "d/a")
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// remove /data/d: directory not empty; Recursive removes what is below
	// <nil>
	// true
}

// A pin keeps what is below a directory in the cache, also what comes later; a time to live frees or deletes it.
func ExampleNode_SetAttr() {
	node, _ := exampleNode("hot/a", "tmp")
	defer node.Close()
	ctx := context.Background()
	fmt.Println(node.SetAttr(ctx, "/data/hot", &cachefs.AttrOptions{Pin: new(true), Recursive: true}))
	fmt.Println(node.SetAttr(ctx, "/data/tmp", &cachefs.AttrOptions{TTL: new(time.Hour), TTLAction: new(cachefs.DeleteAtEnd)}))
	put(node, "/data/hot/later", "x", nil)
	hot, _ := node.Stat(ctx, "/data/hot/later", nil)
	tmp, _ := node.Stat(ctx, "/data/tmp", nil)
	fmt.Println(hot.Pinned(), tmp.TTL().After, tmp.TTL().Action == cachefs.DeleteAtEnd)
	// Output:
	// <nil>
	// <nil>
	// true 1h0m0s true
}

// Calls under a User are checked against modes and ACLs; those without are the process's own.
func ExampleWithUser() {
	node, err := cachefs.Open(context.Background(), cachefs.Config{Permissions: true})
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	ann := cachefs.WithUser(context.Background(), cachefs.User{Name: "ann", Groups: []string{"staff"}})
	bob := cachefs.WithUser(context.Background(), cachefs.User{Name: "bob"})
	root := context.Background()
	node.Mkdir(root, "/home", &cachefs.MkdirOptions{})
	node.SetAttr(root, "/home", &cachefs.AttrOptions{Owner: new("ann")})
	w, err := node.Create(ann, "/home/diary", &cachefs.CreateOptions{Mode: 0o600})
	fmt.Println(err, w.Close())
	_, err = node.Open(bob, "/home/diary", nil)
	fmt.Println(err)
	fmt.Println(node.SetAttr(ann, "/home/diary", &cachefs.AttrOptions{
		ACL: &cachefs.ACL{Entries: []cachefs.ACLEntry{{Tag: cachefs.ACLUser, Name: "bob", Perm: 4}}},
	}))
	_, err = node.Open(bob, "/home/diary", nil)
	fmt.Println(err)
	// Output:
	// <nil> <nil>
	// open /home/diary: permission denied
	// <nil>
	// <nil>
}

func ExampleNode_Mount() {
	node, _ := exampleNode()
	defer node.Close()
	ctx := context.Background()
	fmt.Println(node.Mount(ctx, "/scratch", "mem://example", nil))
	err := node.Mount(ctx, "/x", "s4://bucket", nil) // the error lists the schemes of the drivers that are linked
	fmt.Println(errors.Is(err, cachefs.ErrInvalid), strings.Contains(err.Error(), strings.Join(ufs.Schemes(), ", ")))
	fmt.Println(node.Mount(ctx, "/fake", "", &cachefs.MountOptions{Store: memufs.New(nil).UFS(), ReadOnly: true, Sync: time.Minute}))
	mounts, err := node.Mounts(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range mounts {
		fmt.Println(m.Path, m.ReadOnly, m.Sync)
	}
	fmt.Println(node.Unmount(ctx, "/scratch", nil))
	// Output:
	// <nil>
	// true true
	// <nil>
	// /scratch false 0s
	// /data false 0s
	// /fake true 1m0s
	// <nil>
}

// A service shows a mount to whoever reads fs.FS.
func ExampleIOFS() {
	node, _ := exampleNode("index/a.txt")
	defer node.Close()
	srv := http.FileServerFS(cachefs.IOFS(context.Background(), node, "/data/index"))
	r := httptest.NewRequest(http.MethodGet, "/a.txt", nil)
	r.Header.Set("Range", "bytes=9-")
	w := httptest.NewRecorder()
	srv.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output: 206 index/a.txt
}
