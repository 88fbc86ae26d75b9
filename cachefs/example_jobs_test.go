package cachefs_test

import (
	"context"
	"fmt"
	"log"

	"github.com/millpond/millpond/cachefs"
)

func load(n *cachefs.Node, path string) {
	job, err := n.Load(context.Background(), path, nil)
	if err == nil {
		err = job.Wait(context.Background())
	}
	if err != nil {
		log.Fatal(err)
	}
}

// Load brings a tree into the cache; Progress is what a bar draws.
func ExampleNode_Load() {
	node, store := exampleNode("d/a", "d/b", "d/c")
	defer node.Close()
	ctx := context.Background()
	job, err := node.Load(ctx, "/data/d", &cachefs.LoadOptions{Parallel: 2})
	if err != nil {
		log.Fatal(err)
	}
	if err := job.Wait(ctx); err != nil {
		log.Fatal(err)
	}
	p := job.Progress()
	fmt.Printf("%d of %d files, %d of %d bytes, %d failed, done: %t\n", p.FilesDone, p.Files, p.BytesDone, p.Bytes, p.Failed, p.Done)
	before := store.Calls()["open"]
	get(node, "/data/d/a")
	fmt.Println("read from the store after:", store.Calls()["open"]-before)
	// Output:
	// 3 of 3 files, 36 of 36 bytes, 0 failed, done: true
	// read from the store after: 0
}

// A job that is cancelled keeps what it has done; the same call later goes on from there.
func ExampleJob_Cancel() {
	node, store := exampleNode("d/a", "d/b")
	defer node.Close()
	ctx := context.Background()
	begun := make(chan struct{}, 1)
	gate := make(chan struct{})
	store.OnCall(func(op, _ string) error {
		if op == "open" {
			select {
			case begun <- struct{}{}:
			default:
			}
			<-gate
		}
		return nil
	})
	job, err := node.Load(ctx, "/data/d", nil)
	if err != nil {
		log.Fatal(err)
	}
	<-begun
	job.Cancel()
	close(gate)
	fmt.Println(job.Wait(ctx) != nil)
	job, err = node.Load(ctx, "/data/d", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(job.Wait(ctx), job.Progress().FilesDone)
	// Output:
	// true
	// <nil> 2
}

// Free drops cached blocks; the file stays, and is fetched again when it is read.
func ExampleNode_Free() {
	node, store := exampleNode("a")
	defer node.Close()
	ctx := context.Background()
	load(node, "/data/a")
	fmt.Println(node.Free(ctx, "/data/a", nil), store.Calls()["open"])
	fmt.Println(get(node, "/data/a"), store.Calls()["open"])
	put(node, "/scratch", "the only copy", nil)
	fmt.Println(node.Free(ctx, "/scratch", nil))
	// Output:
	// <nil> 1
	// bytes of a 2
	// free /scratch: not persisted; this is the only copy: Persist it first
}

// Persist uploads what was written to the cache alone, and ends when the store has it.
func ExampleNode_Persist() {
	node, store := exampleNode()
	defer node.Close()
	ctx := context.Background()
	put(node, "/data/f", "kept", &cachefs.CreateOptions{WriteType: cachefs.MustCache})
	job, err := node.Persist(ctx, "/data/f", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(job.Wait(ctx))
	a, err := store.UFS().Stat(ctx, "f")
	fmt.Println(a.Size, err)
	// Output:
	// <nil>
	// 4 <nil>
}

// Locate tells a scheduler where the bytes are.
func ExampleNode_Locate() {
	node, _ := exampleNode("a")
	defer node.Close()
	ctx := context.Background()
	for range 2 {
		blocks, err := node.Locate(ctx, "/data/a", nil)
		if err != nil {
			log.Fatal(err)
		}
		for _, b := range blocks {
			fmt.Println(b.Offset, b.Length, len(b.Nodes), len(b.Nodes) > 0 && b.Nodes[0].Node == node.ID())
		}
		load(node, "/data/a") // a reader may have its bytes a moment before the block is whole
	}
	// Output:
	// 0 10 0 false
	// 0 10 1 true
}

func ExampleNode_Cluster() {
	node, _ := exampleNode()
	defer node.Close()
	c, err := node.Cluster(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(c.Peers), c.Peers[0].Primary, c.Peers[0].ID == c.Self)
	// Output: 1 true true
}

func ExampleNode_Metrics() {
	node, _ := exampleNode("a")
	defer node.Close()
	for range 3 {
		get(node, "/data/a")
	}
	m := node.Metrics()
	fmt.Println("from the store:", m.StoreBytes, "bytes in", m.Stores["/data"].Calls["open"].Calls, "call; looks saved:", m.StoreCallsSaved)
	// Output: from the store: 10 bytes in 1 call; looks saved: 2
}

func ExampleEvents() {
	persisted := make(chan string, 1)
	node, err := cachefs.Open(context.Background(), cachefs.Config{
		Mounts: []cachefs.MountConfig{{Path: "/data", URL: "mem://events"}},
		Events: cachefs.Events{FilePersisted: func(f cachefs.FileInfo) { persisted <- f.Path }},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	put(node, "/data/f", "x", &cachefs.CreateOptions{WriteType: cachefs.AsyncThrough})
	fmt.Println("persisted", <-persisted)
	// Output: persisted /data/f
}

// Shutdown hands on what only this node has: without a disk tier, it waits for files that are written behind.
func ExampleNode_Shutdown() {
	node, store := exampleNode()
	put(node, "/data/f", "x", &cachefs.CreateOptions{WriteType: cachefs.AsyncThrough})
	fmt.Println(node.Shutdown(context.Background()))
	a, err := store.UFS().Stat(context.Background(), "f")
	fmt.Println(a.Size, err)
	// Output:
	// <nil>
	// 1 <nil>
}
