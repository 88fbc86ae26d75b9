package tier_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// Memory of 64 MiB, and two directories of an SSD behind it. (The disk is one in memory here; leave FS out for the real one.)
func ExampleOpen() {
	ctx := context.Background()
	s, err := tier.Open(ctx, tier.Options{FS: vfs.NewMem()},
		tier.Config{Kind: tier.Memory, Size: 64 << 20},
		tier.Config{Kind: tier.SSD, Dirs: []tier.Dir{{Path: "/ssd0", Quota: 1 << 30}, {Path: "/ssd1", Quota: 2 << 30}}})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close(ctx)
	for _, t := range s.Metrics().Tiers {
		fmt.Println(t.Kind, t.Blocks, "blocks,", t.DirsUp, "directories")
	}
	// Output:
	// memory 0 blocks, 0 directories
	// ssd 0 blocks, 2 directories
}

// A wrong Config names everything that is wrong with it.
func ExampleOpen_invalid() {
	_, err := tier.Open(context.Background(), tier.Options{}, tier.Config{Kind: tier.Memory, Size: 1000}, tier.Config{Kind: tier.SSD, Size: 1 << 30})
	fmt.Println(err)
	// Output:
	// invalid argument: memory tier: Size is 1000; want at least one block, 4194304 bytes
	// invalid argument: ssd tier: Dirs is empty; want at least one directory
}

// exampleStore is one of memory and a disk.
func exampleStore() *tier.Store {
	s, err := tier.Open(context.Background(), tier.Options{FS: vfs.NewMem()},
		tier.Config{Kind: tier.Memory, Size: 64 << 20},
		tier.Config{Kind: tier.SSD, Size: 1 << 30, Dirs: []tier.Dir{{Path: "/ssd"}}})
	if err != nil {
		log.Fatal(err)
	}
	return s
}

func ExampleStore_Put() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	id := tier.NewBlockID(tier.FileID{1}, 0)
	fmt.Println(s.Put(ctx, id, []byte("a block never changes"), tier.PutOptions{}))
	fmt.Println(errors.Is(s.Put(ctx, id, []byte("so it is put once"), tier.PutOptions{}), tier.ErrExist))
	// Output:
	// <nil>
	// true
}

// A block is written piece by piece, and can be found after Commit.
func ExampleStore_Create() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	id := tier.NewBlockID(tier.FileID{1}, 0)
	w, err := s.Create(ctx, id, 0, tier.PutOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Abort() // leaves nothing, unless Commit was called
	if _, err := io.Copy(w, strings.NewReader("from a store, far away")); err != nil {
		log.Fatal(err)
	}
	_, _, found := s.Has(id)
	fmt.Println("before Commit:", found)
	if _, err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	kind, length, found := s.Has(id)
	fmt.Println("after Commit:", found, kind, length)
	// Output:
	// before Commit: false
	// after Commit: true memory 22
}

// One look-up, then any number of reads without another: until the block has left, which the handle tells.
func ExampleStore_Get() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	id := tier.NewBlockID(tier.FileID{1}, 0)
	_ = s.Put(ctx, id, []byte("hot bytes"), tier.PutOptions{})
	b, p := s.Get(id), make([]byte, 5)
	n, ok := b.ReadAt(p, 4)
	fmt.Println(string(p[:n]), ok)
	s.Drop(id)
	_, ok = b.ReadAt(p, 4)
	fmt.Println(ok)
	// Output:
	// bytes true
	// false
}

func ExampleStore_ReadAt() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	id := tier.NewBlockID(tier.FileID{1}, 0)
	_ = s.Put(ctx, id, []byte("on a disk"), tier.PutOptions{MinKind: tier.SSD})
	p := make([]byte, 100)
	n, kind, err := s.ReadAt(ctx, id, p, 5, false)
	fmt.Printf("%q from %v, %v\n", p[:n], kind, err)
	_, _, err = s.ReadAt(ctx, tier.NewBlockID(tier.FileID{1}, 1), p, 0, false)
	fmt.Println(err)
	// Output:
	// "disk" from ssd, <nil>
	// tier: block not cached
}

// A View lends the bytes themselves, through eviction, Drop and Close, until its Release.
func ExampleStore_View() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	id := tier.NewBlockID(tier.FileID{1}, 0)
	_ = s.Put(ctx, id, []byte("lent, not copied"), tier.PutOptions{})
	v, err := s.View(ctx, id, 0, 4)
	if err != nil {
		log.Fatal(err)
	}
	s.Drop(id)
	fmt.Printf("%s\n", v.Bytes())
	v.Release()
	// Output: lent
}

// What is held stays until Unhold. Save makes it durable, with what holds it.
func ExampleStore_Hold() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	id := tier.NewBlockID(tier.FileID{1}, 0)
	_ = s.Put(ctx, id, []byte("the only copy"), tier.PutOptions{})
	fmt.Println(s.Hold(id), s.Save(ctx, id))
	for b := range s.All() {
		fmt.Println(b.Kind, b.Held)
	}
	s.Unhold(id)
	fmt.Println(s.Hold(tier.NewBlockID(tier.FileID{2}, 0)))
	// Output:
	// <nil> <nil>
	// memory true
	// ssd true
	// tier: block not cached
}

func ExampleStore_Pin() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	id := tier.NewBlockID(tier.FileID{1}, 0)
	_ = s.Put(ctx, id, []byte("a user's favourite"), tier.PutOptions{})
	fmt.Println(s.Pin(id))
	s.Unpin(id)
	// Output: <nil>
}

// Promote brings a block up before it is read.
func ExampleStore_Promote() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	id := tier.NewBlockID(tier.FileID{1}, 0)
	_ = s.Put(ctx, id, []byte("soon wanted"), tier.PutOptions{MinKind: tier.SSD})
	b, err := s.Promote(ctx, id)
	fmt.Println(b.Len(), err)
	// Output: 11 <nil>
}

func ExampleStore_DropFile() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	f := tier.FileID{1}
	for i := range uint32(3) {
		_ = s.Put(ctx, tier.NewBlockID(f, i), []byte("a removed file"), tier.PutOptions{})
	}
	fmt.Println(s.Drop(tier.NewBlockID(f, 1)), s.DropFile(f))
	// Output: true 2
}

func ExampleStore_DropBlocks() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	f := tier.FileID{1}
	for i := range uint32(3) {
		_ = s.Put(ctx, tier.NewBlockID(f, i), []byte("a removed file of 3 blocks"), tier.PutOptions{})
	}
	fmt.Println(s.DropBlocks(f, 3))
	// Output: 3
}

func ExampleStore_All() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	for i := range uint32(3) {
		_ = s.Put(ctx, tier.NewBlockID(tier.FileID{1}, i), make([]byte, 100*(i+1)), tier.PutOptions{})
	}
	var lengths []int64
	for b := range s.All() {
		lengths = append(lengths, b.Len)
	}
	slices.Sort(lengths)
	fmt.Println(lengths)
	// Output: [100 200 300]
}

// A smaller quota evicts until it is kept.
func ExampleStore_SetQuota() {
	ctx, s := context.Background(), exampleStore()
	defer s.Close(ctx)
	fmt.Println(s.SetQuota(ctx, tier.SSD, "/ssd", 16<<20))
	fmt.Println(s.SetQuota(ctx, tier.SSD, "/hdd", 16<<20))
	// Output:
	// <nil>
	// file does not exist: no directory /hdd in a tier of ssd
}
