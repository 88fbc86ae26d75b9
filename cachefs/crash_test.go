package cachefs_test

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/internal/vfs/vfstest"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// plant is a node on a disk that can lose its power, before a store that outlives it.
type plant struct {
	store     *memufs.Store
	configure func(*cachefs.Config) // nil: as it is
}

// newPlant makes the store. Each call that changes it is a crash point, too: the power may go before it.
func newPlant(fsys vfs.FS) *plant {
	p := &plant{store: memufs.New(&memufs.Options{UFS: &ufs.Options{Attempts: 1, DisableBreaker: true}})}
	p.store.OnCall(func(op, _ string) error {
		if slices.Contains([]string{"stat", "list", "open"}, op) {
			_, err := fsys.Stat("/")
			return err
		}
		return fsys.MkdirAll("/a-call-of-the-store", 0o700)
	})
	return p
}

func (p *plant) open(fsys vfs.FS) (*cachefs.Node, error) {
	cfg := cachefs.Config{
		Dir: "/node", FS: fsys, BlockSize: 64 << 10, CloseTimeout: 10 * time.Second,
		Tiers: []tier.Config{
			{Kind: tier.Memory, Size: 2 << 20},
			{Kind: tier.SSD, Dirs: []tier.Dir{{Path: "/node/ssd", Quota: 16 << 20}}},
		},
		Mounts: []cachefs.MountConfig{{Path: "/m", Store: p.store.UFS()}},
	}
	if p.configure != nil {
		p.configure(&cfg)
	}
	return cachefs.Open(context.Background(), cfg)
}

// plan is what a tree must hold: a path to the seeds of its bytes, one after the other, or to "dir".
type plan map[string]string

// bytes are those that seeds like "1" or "1+2" stand for: two blocks each.
func planned(seeds string) (data []byte) {
	for _, r := range strings.ReplaceAll(seeds, "+", "") {
		data = append(data, content(uint32(r), 100_000)...)
	}
	return data
}

// crashCase is one call that is crashed at each of its disk operations and each of its calls of the store.
type crashCase struct {
	name   string
	before plan                            // written first, through
	stored plan                            // put into the store behind the node's back
	first  func(n *cachefs.Node) error     // then done, before power may go
	do     func(n *cachefs.Node) error     // the call
	start  plan                            // what there is before the call; nil: as before
	after  plan                            // what there is when it has happened; nil: as before
	on     []plan                          // what there may be on the way, beside start and after
	parts  bool                            // it may have happened to some paths
	check  func(c *crashed)                // beside that
	retry  []error                         // what a second call may answer if the first has happened; then there is one effect. nil: not retried
	kept   map[string]cachefs.PersistState // of files that need not be in the store
}

// crashed is what a crash left, opened again.
type crashed struct {
	*testing.T
	*plant
	n     *cachefs.Node
	acked bool // the call had answered before the power went
	again bool // the second opening

	fetched int // reads of the store for all files
}

// write is the whole of Create, Write and Close.
func write(path, seeds string, o cachefs.CreateOptions) func(n *cachefs.Node) error {
	return func(n *cachefs.Node) error { return writeFile(context.Background(), n, path, planned(seeds), o) }
}

// crashCases are all calls that change something.
func crashCases() []crashCase {
	return slices.Concat(crashWrites(), crashChanges(), crashTrees(), crashOutside())
}

func TestCrashedNode(t *testing.T) {
	for _, c := range crashCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubbletest.Test(t, func(t *testing.T) { c.run(t) })
		})
	}
}

func (c *crashCase) run(t *testing.T) {
	var p *plant
	work := func(fsys vfs.FS, ack func(string)) {
		p = newPlant(fsys)
		n, err := p.open(fsys)
		if err != nil {
			return
		}
		defer n.Close()
		if c.prepare(p, n) != nil {
			return
		}
		synctest.Wait()
		ack("prepared")
		if c.do(n) == nil {
			ack("done")
		}
	}
	o := vfstest.Options{Seeds: 2, From: "prepared", To: "done"}
	if racetest.On {
		o.Points = 4 // without it, all
	}
	vfstest.CrashEach(t, o, work, func(t *testing.T, disk *vfs.Mem, acked []string) {
		if slices.Contains(acked, "prepared") {
			p.store.OnCall(nil)
			c.verify(t, p, disk, slices.Contains(acked, "done"))
		}
	})
}

// prepare brings about what the call meets.
func (c *crashCase) prepare(p *plant, n *cachefs.Node) error {
	ctx := context.Background()
	for _, path := range slices.Sorted(maps.Keys(c.before)) {
		err := error(nil)
		if seeds := c.before[path]; seeds == "dir" {
			err = n.Mkdir(ctx, path, nil)
		} else if c.stored[path] == "" {
			err = write(path, seeds, cachefs.CreateOptions{})(n)
		}
		if err != nil {
			return err
		}
	}
	for path, seeds := range c.stored {
		if err := putOutside(ctx, p.store.UFS(), strings.TrimPrefix(path, "/m/"), planned(seeds)); err != nil {
			return err
		}
	}
	if c.first != nil {
		return c.first(n)
	}
	return nil
}

// verify opens what the crash left, twice.
func (c *crashCase) verify(t *testing.T, p *plant, disk *vfs.Mem, acked bool) {
	var was plan
	for _, again := range []bool{false, true} {
		time.Sleep(time.Second) // as on a clock that runs
		n, err := p.open(disk)
		require.NoError(t, err)
		defer n.Close() // a second Close does nothing
		left := &crashed{T: t, plant: p, n: n, acked: acked, again: again}
		before := p.store.Calls()["open"]
		got := left.tree()
		left.fetched = p.store.Calls()["open"] - before
		switch {
		case again:
			require.Equal(t, was, got, "opened again")
		case acked:
			require.Equal(t, c.want(), got, "acknowledged")
		default:
			c.oneOf(t, got)
		}
		was = got
		left.settled(got)
		left.agree(got, c.kept)
		tidy(t, n)
		if c.check != nil {
			c.check(left)
		}
		if again && c.retry != nil {
			if err := c.do(n); err != nil {
				require.NoError(t, oneOf(err, c.retry), "called again")
			}
			require.Equal(t, c.want(), left.tree(), "called again")
		}
		require.NoError(t, n.Close())
	}
}

func (c *crashCase) want() plan {
	if c.after == nil {
		return c.before
	}
	return c.after
}

// oneOf: a call that had not answered has happened or has not.
func (c *crashCase) oneOf(t *testing.T, got plan) {
	t.Helper()
	start := c.before
	if c.start != nil {
		start = c.start
	}
	for _, may := range append(c.on, start, c.want()) {
		if maps.Equal(got, may) {
			return
		}
	}
	require.True(t, c.parts, "half there: %v\nbefore: %v\nafter: %v", got, c.before, c.want())
	for path, seeds := range got {
		require.Equal(t, c.before[path], seeds, path)
		if dir := parent(path); dir != "/m" {
			require.Contains(t, got, dir, "%s without its directory", path)
		}
	}
}

// tree reads all there is below the mount, and outside of mounts.
func (c *crashed) tree() plan {
	c.Helper()
	got := plan{}
	for info, err := range c.n.List(c.Context(), "/", &cachefs.ListOptions{Recursive: true}) {
		require.NoError(c, err)
		if info.MountPoint() || strings.HasPrefix(info.Path(), "/other/") { // that has a check of its own
			continue
		}
		if info.IsDir() {
			got[info.Path()] = "dir"
			continue
		}
		require.True(c, info.Complete(), "%s is incomplete", info.Path())
		f, err := c.n.Open(c.Context(), info.Path(), nil)
		require.NoError(c, err)
		data, err := io.ReadAll(f)
		require.NoError(c, err, info.Path())
		require.NoError(c, f.Close())
		got[info.Path()] = seedsOf(data)
	}
	return got
}

// seedsOf finds which seeds made data.
func seedsOf(data []byte) string {
	var all []string
	for ; len(data) >= 100_000; data = data[100_000:] {
		seed := "?"
		for _, s := range "123456" {
			if string(content(uint32(s), 100_000)) == string(data[:100_000]) {
				seed = string(s)
			}
		}
		all = append(all, seed)
	}
	if len(data) > 0 {
		all = append(all, "torn")
	}
	return strings.Join(all, "+")
}

// settled: no intent holds a path, and nothing waits for the store.
func (c *crashed) settled(got plan) {
	c.Helper()
	for path := range got {
		ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
		require.NoError(c, c.n.SetAttr(ctx, path, &cachefs.AttrOptions{ReplicasMin: new(1)}), "%s is held", path)
		cancel()
	}
	time.Sleep(time.Minute) // of the bubble: uploads that wait
	require.Zero(c, c.n.Metrics().PersistBacklog)
}

// agree compares the namespace with the store, file by file.
func (c *crashed) agree(got plan, kept map[string]cachefs.PersistState) {
	c.Helper()
	want, old := map[string]string{}, map[string]bool{} // old: the store may have what was there before
	for path, seeds := range got {
		info, err := c.n.Stat(c.Context(), path, nil)
		require.NoError(c, err)
		switch state, ok := kept[path]; {
		case info.IsDir():
		case ok && info.Persist() == state:
			old[strings.TrimPrefix(path, "/m/")] = true
		default:
			require.Equal(c, cachefs.Persisted, info.Persist(), path)
			want[strings.TrimPrefix(path, "/m/")] = seeds
		}
	}
	for key, data := range storeContent(c.T, c.store.UFS()) {
		if dir, ok := strings.CutSuffix(key, "/"); ok {
			require.Equal(c, "dir", got["/m/"+dir], "directory in the store alone")
			continue
		}
		if old[key] {
			continue
		}
		require.Equal(c, want[key], seedsOf([]byte(data)), "store: %s", key)
		delete(want, key)
	}
	require.Empty(c, want, "files that the store should have")
}
