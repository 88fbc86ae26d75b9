package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/examples/internal/wordjob"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	_ "github.com/millpond/millpond/ufs/fileufs" // DIR is a directory
)

// workers count at the same time in each process: while one waits for a peer the others count.
const workers = 4

// worker is one process of the mesh.
type worker struct {
	node  *cachefs.Node
	files []string // all of them, in order
	count wordjob.Count
	took  time.Duration
}

// child obeys the parent until its standard input ends.
func child(ctx context.Context, stdin io.Reader, stdout io.Writer) (err error) {
	var w worker
	defer func() { err = errors.Join(err, w.close()) }()
	in, out := json.NewDecoder(stdin), json.NewEncoder(stdout)
	for {
		var o order
		if err := in.Decode(&o); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		a := w.answer(w.obey(ctx, o))
		if o.Do == doLook && a.Err == "" {
			w.look(ctx, &a)
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

func (w *worker) obey(ctx context.Context, o order) error {
	switch o.Do {
	case doOpen:
		return w.open(ctx, o)
	case doCount:
		return w.countHalf(ctx, o)
	case doChange:
		return w.change(ctx, o.Name)
	case doLook:
		return nil
	case doClose:
		return w.close()
	}
	return fmt.Errorf("unknown order %q", o.Do)
}

// open opens the node. The first one has nobody to join and begins the namespace; the others find it through any one.
func (w *worker) open(ctx context.Context, o order) (err error) {
	mesh := &peer.Config{Secret: o.Secret}
	if o.Join != "" {
		mesh.Join = []string{o.Join}
	}
	c := cachefs.Config{Tiers: []tier.Config{{Kind: tier.Memory, Size: o.Memory}}, Mesh: mesh}
	if o.Store != "" {
		c.Mounts = []cachefs.MountConfig{{Path: "/in", URL: o.Store, ReadOnly: true}}
	}
	w.node, err = cachefs.Open(ctx, c)
	return err
}

func (w *worker) close() error {
	if w.node == nil {
		return nil
	}
	err := w.node.Close()
	if errors.Is(err, cachefs.ErrLost) { // the changes: nobody wanted them to outlive the last process
		return nil
	}
	return err
}

// countHalf counts every second file, beginning with this process's share of them.
func (w *worker) countHalf(ctx context.Context, o order) error {
	if w.files == nil {
		for info, err := range w.node.List(ctx, "/in", &cachefs.ListOptions{Recursive: true}) {
			if err != nil {
				return err
			}
			if !info.IsDir() {
				w.files = append(w.files, info.Path())
			}
		}
	}
	var half []string
	for i, p := range w.files {
		if i%2 == o.Half {
			half = append(half, p)
		}
	}
	first := o.Share * len(half) / max(o.Of, 1)
	began := time.Now()
	err := w.count.AddFiles(ctx, w.node, workers, slices.Concat(half[first:], half[:first]))
	w.took += time.Since(began)
	return err
}

// changes is where all processes make their changes.
const changes = "/changes"

// change makes a file that only the cache has: its bytes are on two nodes when Close returns.
func (w *worker) change(ctx context.Context, name string) error {
	p := path.Join(changes, name)
	f, err := w.node.Create(ctx, p, &cachefs.CreateOptions{Parents: true})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, name); err != nil {
		return errors.Join(err, f.Abort())
	}
	return f.Close()
}

// changed lists the changes that this process sees: files that hold what was written.
func (w *worker) changed(ctx context.Context) (names []string, err error) {
	for info, err := range w.node.List(ctx, changes, &cachefs.ListOptions{Consistent: true}) {
		if errors.Is(err, cachefs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		f, err := w.node.Open(ctx, info.Path(), nil)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		if string(text) != info.Name() {
			return nil, fmt.Errorf("%s holds %q", info.Path(), text)
		}
		names = append(names, info.Name())
	}
	return names, nil
}

// answer says how an order went and where this process stands.
func (w *worker) answer(err error) (a answer) {
	if w.node != nil {
		a = w.standing()
	}
	if err != nil {
		a.Err = err.Error()
	}
	return a
}

func (w *worker) standing() answer {
	a := answer{
		ID: w.node.ID(), Files: w.count.Files, Bytes: w.count.Bytes, Words: w.count.Words(), Digest: w.count.Digest(),
		Seconds: w.took.Seconds(), Metrics: w.node.Metrics(),
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	info, err := w.node.Cluster(ctx)
	if err != nil { // closed
		return a
	}
	for _, p := range info.Peers {
		if p.ID == info.Self {
			a.Addr, a.Primary = p.Addr, p.Role == journal.RolePrimary
		}
		if p.Role == journal.RolePrimary || p.Role == journal.RoleVoter {
			a.Voters++
		}
	}
	return a
}

// look adds the changes that this process sees to an answer.
func (w *worker) look(ctx context.Context, a *answer) {
	var err error
	if a.Changes, err = w.changed(ctx); err != nil {
		a.Err = err.Error()
	}
}
