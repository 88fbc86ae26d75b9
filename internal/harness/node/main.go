//go:build unix

// Command node is one node of a mesh that the tests of package harness start: it answers a request a line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/harness"
	"github.com/millpond/millpond/internal/harness/signed"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	_ "github.com/millpond/millpond/ufs/fileufs"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("usage: node OPTIONS, which are harness.Options in JSON")
	}
	var o harness.Options
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		return err
	}
	node, err := cachefs.Open(context.Background(), config(o))
	if err != nil {
		return err
	}
	s := &server{node: node, out: json.NewEncoder(os.Stdout)}
	s.answer(harness.Answer{Node: node.ID()})
	return s.serve(os.Stdin)
}

func config(o harness.Options) cachefs.Config {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	told := func(what string) func(tier.DirInfo) {
		return func(i tier.DirInfo) { log.Info("event", "what", what, "dir", i.Dir, "err", i.Err) }
	}
	return cachefs.Config{
		Dir: filepath.Join(o.Dir, "node"), BlockSize: 64 << 10,
		Tiers: []tier.Config{{Kind: tier.Memory, Size: o.Memory}, {Kind: tier.SSD, Size: o.Disk}},
		Mesh:  &peer.Config{Bind: o.Bind, Join: o.Join, Secret: o.Secret, TCPOnly: o.TCPOnly},
		Journal: journal.Config{Expect: o.Expect, Events: journal.Events{
			Unwritable: func(err error) { log.Info("event", "what", "Unwritable", "err", err) },
		}},
		Events: cachefs.Events{Tier: tier.Events{DirDown: told("DirDown"), DirUp: told("DirUp")}},
		Mounts: []cachefs.MountConfig{{Path: "/m", URL: "file://" + o.Store}},
		Logger: log,
	}
}

// server answers requests beside each other.
type server struct {
	node *cachefs.Node
	mu   sync.Mutex
	out  *json.Encoder
}

func (s *server) answer(a harness.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.out.Encode(a) // who asked is gone if this fails
}

// serve ends with a shutdown, or with whoever asks.
func (s *server) serve(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return s.node.Close()
		}
		var r harness.Request
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		if r.Op == "shutdown" {
			err := s.node.Close()
			s.answer(harness.Answer{ID: r.ID, Err: text(err)})
			return err
		}
		go func() {
			ctx, cancel := context.WithCancel(context.Background())
			if r.Wait > 0 {
				ctx, cancel = context.WithTimeout(context.Background(), time.Duration(r.Wait)*time.Millisecond)
			}
			defer cancel()
			a, err := s.do(ctx, r)
			a.ID, a.Err, a.Timeout = r.ID, text(err), err != nil && ctx.Err() != nil
			s.answer(a)
		}()
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (s *server) do(ctx context.Context, r harness.Request) (a harness.Answer, err error) {
	switch r.Op {
	case "put", "app":
		return a, s.put(ctx, r)
	case "rm":
		return a, s.node.Remove(ctx, r.Path, &cachefs.RemoveOptions{Recursive: true})
	case "mv":
		return a, s.node.Rename(ctx, r.Path, r.To, nil)
	case "mkdir":
		return a, s.node.Mkdir(ctx, r.Path, &cachefs.MkdirOptions{Parents: true})
	case "read":
		a.What, err = s.read(ctx, r.Path)
		return a, err
	case "look":
		a.What, err = s.look(ctx, r.Path)
		return a, err
	case "hear":
		_, err = s.node.Stat(ctx, r.Path, &cachefs.StatOptions{Consistent: true})
		return a, err
	case "tree":
		a.Tree, err = s.tree(ctx, r.Path)
		return a, err
	case "cluster":
		c, err := s.node.Cluster(ctx)
		if err != nil {
			return a, err
		}
		j := s.node.Metrics().Journal
		a.Node, a.Primary, a.Role, a.Term = c.Self, primary(c), string(j.Role), j.Term
		return a, nil
	}
	return a, fmt.Errorf("unknown request %q", r.Op)
}

func primary(c *cachefs.ClusterInfo) string {
	for _, p := range c.Peers {
		if p.Primary {
			return p.ID
		}
	}
	return ""
}

func (s *server) put(ctx context.Context, r harness.Request) error {
	w, err := s.node.Create(ctx, r.Path, &cachefs.CreateOptions{
		Overwrite: r.Op == "put", Append: r.Op == "app", Parents: true, WriteType: cachefs.WriteType(r.Type),
	})
	if err != nil {
		return err
	}
	if _, err := w.Write(signed.Bytes(r.Seed, r.Size)); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Close()
}

func (s *server) read(ctx context.Context, path string) (string, error) {
	f, err := s.node.Open(ctx, path, nil)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return "", err
	}
	return signed.Identify(data)
}

// look stats a file, finds it in its directory, and reads it.
func (s *server) look(ctx context.Context, file string) (string, error) {
	if _, err := s.node.Stat(ctx, file, nil); err != nil {
		return "", err
	}
	listed := false
	for info, err := range s.node.List(ctx, path.Dir(file), nil) {
		if err != nil {
			return "", err
		}
		listed = listed || info.Path() == file
	}
	if !listed {
		return "", fmt.Errorf("%s is not in its directory", file)
	}
	return s.read(ctx, file)
}

// tree reads all files below dir, as the primary has them.
func (s *server) tree(ctx context.Context, dir string) (map[string]string, error) {
	tree := map[string]string{}
	for info, err := range s.node.List(ctx, dir, &cachefs.ListOptions{Recursive: true, Consistent: true}) {
		switch {
		case err != nil:
			return nil, err
		case info.IsDir():
			tree[info.Path()+"/"] = ""
			continue
		case !info.Complete():
			continue
		}
		what, err := s.read(ctx, info.Path())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", info.Path(), err)
		}
		tree[info.Path()] = what
	}
	return tree, nil
}
