package memufs_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

func Example() {
	ctx := context.Background()
	store := memufs.New(nil)
	store.Put("in/a.csv", []byte("1,2,3\n"))

	p := make([]byte, 3)
	n, err := store.UFS().ReadAt(ctx, "in/a.csv", "", p, 2)
	fmt.Printf("%s %v\n", p[:n], err)
	fmt.Println(store.Calls()["open"], "read")
	// Output:
	// 2,3 <nil>
	// 1 read
}

// A store that fails: the second read of each file.
func ExampleStore_OnCall() {
	ctx := context.Background()
	store := memufs.New(&memufs.Options{UFS: &ufs.Options{Attempts: 1}})
	store.Put("f", []byte("content"))
	opened := map[string]int{}
	store.OnCall(func(op, key string) error {
		if op != "open" {
			return nil
		}
		if opened[key]++; opened[key] == 2 {
			return errors.New("connection reset")
		}
		return nil
	})
	for range 3 {
		_, err := store.UFS().ReadAt(ctx, "f", "", make([]byte, 7), 0)
		fmt.Println(err != nil)
	}
	// Output:
	// false
	// true
	// false
}

func ExampleStore_Calls() {
	store := memufs.New(nil)
	for range 3 {
		_, _ = store.UFS().Stat(context.Background(), "")
	}
	fmt.Println(store.Calls())
	// Output: map[stat:3]
}

// Somebody else replaces a file: what was read before is no longer there to be read.
func ExampleStore_Put() {
	ctx := context.Background()
	store := memufs.New(nil)
	store.Put("f", []byte("old"))
	a, _ := store.UFS().Stat(ctx, "f")
	store.Put("f", []byte("new"))
	_, err := store.UFS().ReadAt(ctx, "f", a.Version, make([]byte, 3), 0)
	fmt.Println(errors.Is(err, driver.ErrChanged))
	// Output: true
}

// Code that must cope with buckets is tested over one.
func ExampleBucket() {
	caps := memufs.Bucket()
	store := memufs.New(&memufs.Options{Caps: &caps})
	store.Put("dir/file", nil)
	_ = store.Delete(context.Background(), "dir/file")
	_, err := store.Stat(context.Background(), "dir")
	fmt.Println(errors.Is(err, driver.ErrNotExist)) // the directory went with its last file
	// Output: true
}

// A store that lacks one thing.
func ExampleDirectory() {
	caps := memufs.Directory()
	caps.ReadOnly = true
	store := memufs.New(&memufs.Options{Caps: &caps})
	err := store.Delete(context.Background(), "f")
	fmt.Println(err)
	// Output: read-only
}
