package cachefs_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// stage is a place in an upload where a gate can stop it.
type stage string

const (
	beforeUpload stage = "before the upload" // nothing of it is in the store
	midUpload    stage = "in the middle"     // some bytes are on their way
	atCommit     stage = "at commit"         // all bytes are; nothing shows yet
	afterCommit  stage = "after commit"      // it shows, and the node does not know
	afterUpload  stage = "after the upload"  // the node knows: no gate stops here
)

// gate is an under store whose next upload stops at one stage until the test lets it go on.
type gate struct {
	*ufs.Store            // what it stands before
	ufs        *ufs.Store // what a node mounts

	mu      sync.Mutex
	at      stage
	reached chan struct{} // closed when the upload is there
	pass    chan struct{} // closed when it may go on
	open    int           // uploads neither committed nor aborted
	commits map[string]int
}

func newGate(inner *ufs.Store) *gate {
	g := &gate{Store: inner, commits: map[string]int{}}
	var err error
	if g.ufs, err = ufs.New(g, inner.ID(), &ufs.Options{Attempts: 1, DisableBreaker: true, DisableHedge: true}); err != nil {
		panic(err)
	}
	return g
}

// List implements driver.Store.
func (g *gate) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	return g.ListPage(ctx, o)
}

// opens is how often a file of the store was read.
func (g *gate) opens() int64 { return g.Metrics().Calls["open"].Calls }

// stop makes the next upload stop at a stage: reached is closed when it is there, and let lets it go on.
func (g *gate) stop(at stage) (reached <-chan struct{}, let func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at, g.reached, g.pass = at, make(chan struct{}), make(chan struct{})
	pass := g.pass
	return g.reached, sync.OnceFunc(func() { close(pass) })
}

// wait stops here if this is the stage; once.
func (g *gate) wait(at stage) {
	g.mu.Lock()
	if g.at != at {
		g.mu.Unlock()
		return
	}
	g.at = ""
	pass := g.pass
	close(g.reached)
	g.mu.Unlock()
	<-pass
}

func (g *gate) count(open int, committed string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open += open
	if committed != "" {
		g.commits[committed]++
	}
}

func (g *gate) Create(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	g.wait(beforeUpload)
	w, err := g.Store.Create(ctx, key, o)
	if err != nil {
		return nil, err
	}
	g.count(1, "")
	return &gateWriter{Writer: w, g: g, key: key}, nil
}

type gateWriter struct {
	driver.Writer
	g   *gate
	key string
}

func (w *gateWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.g.wait(midUpload)
	return n, err
}

func (w *gateWriter) Commit(ctx context.Context) (driver.Attr, error) {
	w.g.wait(atCommit)
	a, err := w.Writer.Commit(ctx)
	w.g.count(-1, w.key)
	w.g.wait(afterCommit)
	return a, err
}

func (w *gateWriter) Abort(ctx context.Context) error {
	w.g.count(-1, "")
	return w.Writer.Abort(ctx)
}

// content is what the store has: file keys with their bytes, directories with a slash and nothing.
func (g *gate) content(t *testing.T) map[string]string {
	t.Helper()
	return storeContent(t, g.Store)
}

// storeContent reads a whole store: file keys with their bytes, directories with a slash and nothing.
func storeContent(t *testing.T, s *ufs.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	for a, err := range s.List(context.Background(), ufs.ListOptions{Recursive: true}) {
		require.NoError(t, err)
		if a.Dir {
			all[a.Key+"/"] = ""
			continue
		}
		p := make([]byte, a.Size)
		if a.Size > 0 {
			n, err := s.ReadAt(context.Background(), a.Key, a.Version, p, 0)
			require.NoError(t, err)
			require.Len(t, p, n)
		}
		all[a.Key] = string(p)
	}
	return all
}
