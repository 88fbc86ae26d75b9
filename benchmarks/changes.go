package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
)

// changes is goal 15 with one node: durable changes of the namespace, each a call of the public API,
// against bbolt with the same group commit in front: whoever waits together is written together.
func changes(r *report) error {
	ctx := context.Background()
	dir, err := os.MkdirTemp(r.dir, "changes")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	node, err := cachefs.Open(ctx, cachefs.Config{
		Dir:   filepath.Join(dir, "node"),
		Tiers: []tier.Config{{Kind: tier.Memory, Size: 64 * miB}},
	})
	if err != nil {
		return err
	}
	defer node.Close()
	bb, err := newGroup(filepath.Join(dir, "bolt.db"))
	if err != nil {
		return err
	}
	defer bb.close()
	var made atomic.Int64
	for _, callers := range []int{1, 16, 128} {
		ours := from(callers, func() error {
			return node.Mkdir(ctx, fmt.Sprintf("/d%d", made.Add(1)), nil)
		})
		theirs := from(callers, func() error { return bb.put(made.Add(1)) })
		name := fmt.Sprintf("changes a second, %d callers, against bbolt", callers)
		if err := r.compare(name, atLeast(0.8), true, false, ours, theirs); err != nil {
			return err
		}
	}
	return nil
}

// from spreads n calls over callers.
func from(callers int, call func() error) side {
	return func(n int) error {
		var left atomic.Int64
		left.Store(int64(n))
		errs := make(chan error, callers)
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for left.Add(-1) >= 0 {
					if err := call(); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		close(errs)
		return <-errs
	}
}

// group commits what waits together to bbolt in one transaction, as Millpond's journal does.
type group struct {
	db    *bolt.DB
	queue chan put
	done  chan struct{}
}

type put struct {
	key int64
	err chan error
}

func newGroup(path string) (*group, error) {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("log")); return err })
	g := &group{db: db, queue: make(chan put, 1024), done: make(chan struct{})}
	go g.loop()
	return g, err
}

func (g *group) put(key int64) error {
	p := put{key, make(chan error, 1)}
	g.queue <- p
	return <-p.err
}

func (g *group) loop() {
	defer close(g.done)
	value := make([]byte, 100) // what an entry of the namespace takes
	for p := range g.queue {
		batch := []put{p}
		for len(g.queue) > 0 && len(batch) < 512 {
			batch = append(batch, <-g.queue)
		}
		err := g.db.Update(func(tx *bolt.Tx) error {
			b := tx.Bucket([]byte("log"))
			b.FillPercent = 1 // keys ascend
			for _, p := range batch {
				if err := b.Put(binary.BigEndian.AppendUint64(nil, uint64(p.key)), value); err != nil {
					return err
				}
			}
			return nil
		})
		for _, p := range batch {
			p.err <- err
		}
	}
}

func (g *group) close() {
	close(g.queue)
	<-g.done
	g.db.Close()
}
