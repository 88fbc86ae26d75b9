package cachefs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// machine runs operations on a node and on the model, and says where they part.
type machine struct {
	ctx   context.Context
	cfg   metaConfig
	rng   *rand.Rand
	disk  *vfs.Mem
	store *memufs.Store
	other *sideStore
	self  *cachefs.Node      // nil over several
	node  cachefs.FileSystem // that is asked: a node, or a Client of it
	net   *netsim.Net        // nil without a Client
	model *model
	open  [4]*handle
	over  *metaNodes // nil over one node
	// behind: the node that is asked has perhaps not heard of the last change
	behind bool
	done   bool // the operation changed the namespace
	// whole is what was read last: under the race detector, memory that is new costs many times what it costs to use it again
	whole bytes.Buffer
}

// handle is an open file and what it must read: the version that was opened.
type handle struct {
	f    *cachefs.File
	node cachefs.FileSystem // that it is open on
	data []byte
	lost bool

	stored bool // the under store has it
}

func newMachine(ctx context.Context, cfg metaConfig, seed uint64) (*machine, error) {
	m := &machine{ctx: ctx, cfg: cfg, rng: rand.New(rand.NewPCG(seed, 1)), disk: vfs.NewMem(), store: memufs.New(nil), other: newSideStore(), model: newModel()}
	return m, m.start()
}

func (m *machine) start() (err error) {
	cfg := m.cfg.config(m.disk, m.store.UFS())
	if m.cfg.client {
		m.byClient(&cfg)
	}
	if m.self, err = cachefs.Open(m.ctx, cfg); err != nil || m.node != nil && m.cfg.client { // that goes on over a restart
		return err
	}
	if m.node = m.self; m.cfg.client {
		m.node, err = cachefs.Dial(m.ctx, cachefs.DialConfig{Mesh: peer.DialConfig{
			Addresses: cfg.Mesh.Join, Secret: meshSecret, Network: m.net.Host("10.1.0.1"),
		}})
	}
	return err
}

// byClient puts the node where a Client finds it.
func (m *machine) byClient(cfg *cachefs.Config) {
	if m.net == nil {
		m.net = netsim.New(1)
	}
	const addr = "10.0.0.1"
	cfg.Mesh = &peer.Config{Bind: addr + ":7946", Join: []string{addr + ":7946"}, Secret: meshSecret, Network: m.net.Host(addr)}
	cfg.Journal.BootstrapWait = time.Millisecond
}

// close ends the node, and the Client.
func (m *machine) close() error {
	if m.self == nil {
		return m.node.Close()
	}
	return errors.Join(m.node.Close(), m.self.Close())
}

// step runs one operation: nil when node and model agree.
func (m *machine) step(o op) error {
	if m.over != nil {
		return m.stepOver(o)
	}
	return m.do(o)
}

func (m *machine) do(o op) error {
	switch o.kind {
	case "create":
		return m.create(o)
	case "read", "view":
		return m.read(o)
	case "stat":
		return m.stat(o)
	case "list":
		return m.list(o)
	case "mkdir":
		return m.simple(m.node.Mkdir(m.ctx, o.path, &cachefs.MkdirOptions{Parents: o.has("p")}), m.model.wantMkdir(o), func() { m.model.mkdirAll(o.path) })
	case "rename":
		return m.rename(o)
	case "remove":
		return m.simple(m.node.Remove(m.ctx, o.path, &cachefs.RemoveOptions{Recursive: o.has("r")}), m.model.wantRemove(o), func() { m.model.remove(o.path) })
	case "attr":
		return m.attr(o)
	case "mode", "tag":
		return m.label(o)
	case "locate":
		return m.locate(o)
	case "mount", "unmount":
		return m.mounting(o)
	case "free":
		return m.free(o)
	case "persist", "load":
		return m.job(o)
	case "outside", "unlink":
		return m.outside(o)
	case "open", "hread", "hclose":
		return m.handle(o)
	case "restart", "crash":
		return m.restart(o)
	case "forget":
		return m.forget(o)
	case "unseen":
		return m.unseen(o)
	}
	return fmt.Errorf("unknown operation %q", o.kind)
}

// simple compares an answer with what may be answered, and changes the model on success.
func (m *machine) simple(err error, want []error, commit func()) error {
	if len(want) == 0 {
		if err != nil {
			return fmt.Errorf("got %w, want success", err)
		}
		commit()
		m.done = true
		return nil
	}
	if err == nil {
		return fmt.Errorf("got success, want one of %v", want)
	}
	return oneOf(err, want)
}

func oneOf(err error, want []error) error {
	if slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
		return nil
	}
	return fmt.Errorf("got %w, want one of %v", err, want)
}

func (m *machine) create(o op) error {
	wt := cachefs.WriteType(o.wt)
	if !mounted(o.path) {
		wt = cachefs.MustCache
	}
	opts := &cachefs.CreateOptions{WriteType: wt, Overwrite: o.has("o"), Append: o.has("a"), Parents: o.has("p"), ReplicasMin: m.cfg.copies}
	want := m.model.wantCreate(o)
	old := m.model.nodes[o.path]
	if old != nil && old.maybeLost && o.has("a") {
		return nil // the old bytes cannot be had: nothing to predict
	}
	w, err := m.node.Create(m.ctx, o.path, opts)
	if err != nil || len(want) > 0 {
		if err == nil {
			w.Abort()
		}
		if len(want) == 0 && o.has("a") { // the old bytes are copied at once
			return m.mayBeFull(err)
		}
		return m.simple(err, want, func() {})
	}
	m.model.mkdirAll(parent(o.path))
	data := content(o.seed, o.size)
	if err := m.fill(w, data, o.has("s")); err != nil {
		w.Abort()
		return m.mayBeFull(err)
	}
	if o.has("x") {
		return w.Abort()
	}
	if err := w.Close(); err != nil {
		return m.mayBeFull(err)
	}
	e := &entry{data: data}
	if old != nil {
		e.pinned = old.pinned
		if o.has("a") {
			e.data = slices.Concat(old.data, data)
		}
	}
	e.setPersist(wt, mounted(o.path))
	m.model.nodes[o.path] = e
	m.done = true
	return nil
}

func (e *entry) setPersist(wt cachefs.WriteType, mounted bool) {
	switch wt {
	case cachefs.MustCache:
	case cachefs.AsyncThrough:
		e.pending = true
	default:
		e.persisted = mounted
	}
}

// mayBeFull allows ErrNoSpace where the tiers are tiny: then the old version stays.
func (m *machine) mayBeFull(err error) error {
	if m.cfg.tiny && errors.Is(err, cachefs.ErrNoSpace) {
		return nil
	}
	return err
}

// fill writes data, in pieces or from a reader.
func (m *machine) fill(w *cachefs.Writer, data []byte, from bool) error {
	if !from {
		return writeChunks(w, data, m.rng)
	}
	n, err := w.ReadFrom(bytes.NewReader(data))
	if err == nil && n != int64(len(data)) {
		return fmt.Errorf("ReadFrom took %d of %d bytes", n, len(data))
	}
	return err
}

// writeChunks writes p in a few pieces, so that blocks are filled by halves.
func writeChunks(w io.Writer, p []byte, rng *rand.Rand) error {
	for len(p) > 0 {
		n := min(len(p), 1+rng.IntN(100_000))
		if _, err := w.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func (m *machine) read(o op) error {
	e, want := m.model.find(o.path)
	opts := &cachefs.OpenOptions{ReadType: cachefs.ReadType(o.wt % 3)}
	f, err := m.node.Open(m.ctx, o.path, opts)
	if want != nil || e.dir {
		if err == nil {
			f.Close()
			return fmt.Errorf("opened what is not a file")
		}
		if e != nil {
			return oneOf(err, []error{cachefs.ErrIsDir})
		}
		return oneOf(err, []error{want, m.model.notDirToo(o.path, want)})
	}
	if err != nil {
		return lostOr(err, e.maybeLost)
	}
	defer f.Close()
	return m.reachable(e.persisted, m.readOpen(f, e, o))
}

// readOpen reads from an open file.
func (m *machine) readOpen(f *cachefs.File, e *entry, o op) error {
	if o.kind == "view" {
		return checkView(f, e.data, e.maybeLost, o.off)
	}
	if o.has("r") {
		return checkRange(f, e.data, e.maybeLost, o.off, o.size)
	}
	m.whole.Reset()
	if _, err := m.whole.ReadFrom(f); err != nil {
		return lostOr(err, e.maybeLost)
	}
	return same(m.whole.Bytes(), e.data, 0)
}

// reachable allows every error but wrong bytes while all nodes that have a file may be out of reach, and no store has it.
func (m *machine) reachable(stored bool, err error) error {
	if m.thin() && !stored && !errors.Is(err, errWrong) {
		return nil
	}
	return err
}

// errWrong is that bytes are not those that were written.
var errWrong = errors.New("wrong bytes")

// lostOr allows ErrLost where only memory had the bytes.
func lostOr(err error, may bool) error {
	if may && errors.Is(err, cachefs.ErrLost) {
		return nil
	}
	return err
}

func same(got, want []byte, off int) error {
	if bytes.Equal(got, want) {
		return nil
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	return fmt.Errorf("%w: read %d at %d, want %d; they differ at %d", errWrong, len(got), off, len(want), off+at)
}

func checkRange(f *cachefs.File, data []byte, lost bool, off, n int) error {
	p := make([]byte, n)
	k, err := f.ReadAt(p, int64(off))
	if err != nil && err != io.EOF {
		return lostOr(err, lost)
	}
	want := data[min(off, len(data)):min(off+n, len(data))]
	if (k < n) != (err == io.EOF) && n > 0 && !(err == io.EOF && off+n == len(data)) {
		return fmt.Errorf("read %d of %d bytes with error %v", k, n, err)
	}
	return same(p[:k], want, off)
}

func checkView(f *cachefs.File, data []byte, lost bool, off int) error {
	v, err := f.View(int64(off), 5000)
	if err != nil {
		if off >= len(data) && errors.Is(err, io.EOF) {
			return nil
		}
		return lostOr(err, lost)
	}
	defer v.Release()
	got := v.Bytes()
	if off < len(data) && len(got) == 0 || off+len(got) > len(data) {
		return fmt.Errorf("view of %d bytes at %d in a file of %d", len(got), off, len(data))
	}
	return same(got, data[min(off, len(data)):min(off+len(got), len(data))], off)
}

func (m *machine) stat(o op) error {
	e, want := m.model.find(o.path)
	info, err := m.node.Stat(m.ctx, o.path, &cachefs.StatOptions{Sync: o.has("s"), Consistent: m.behind})
	if want != nil {
		return m.simple(err, []error{want, m.model.notDirToo(o.path, want)}, nil)
	}
	if err != nil {
		return err
	}
	if err := e.shows(info); err != nil {
		return err
	}
	if info.IsDir() != e.dir || !e.dir && info.Size() != int64(len(e.data)) {
		return fmt.Errorf("stat says dir=%t size=%d, want dir=%t size=%d", info.IsDir(), info.Size(), e.dir, len(e.data))
	}
	return nil
}

func (m *machine) list(o op) error {
	e, want := m.model.find(o.path)
	prefix, after, _ := strings.Cut(o.to, "|")
	opts := &cachefs.ListOptions{Recursive: o.has("r"), Sync: o.has("s"), Consistent: m.behind, Prefix: prefix, StartAfter: after, Limit: o.h}
	got, err := names(m.node.List(m.ctx, o.path, opts), o.path)
	switch {
	case want != nil:
		return m.simple(err, []error{want, m.model.notDirToo(o.path, want)}, nil)
	case !e.dir:
		return m.simple(err, []error{cachefs.ErrNotDir}, nil)
	case err != nil:
		return err
	}
	return sameNames(got, cut(m.wantNames(o.path, o.has("r")), opts))
}

func names(seq func(func(*cachefs.Info, error) bool), dir string) (out []string, err error) {
	for info, err := range seq {
		if err != nil {
			return out, err
		}
		size := info.Size()
		if info.IsDir() {
			size = -1
		}
		out = append(out, fmt.Sprintf("%s %d", strings.TrimPrefix(info.Path(), strings.TrimSuffix(dir, "/")+"/"), size))
	}
	return out, nil
}

// wantNames is the listing in the order of fs.WalkDir: component by component.
func (m *machine) wantNames(dir string, recursive bool) []string {
	paths := m.model.children(dir)
	if recursive {
		paths = m.model.below(dir)
	}
	slices.SortFunc(paths, func(a, b string) int {
		return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
	})
	var out []string
	for _, p := range paths {
		e, size := m.model.nodes[p], -1
		if !e.dir {
			size = len(e.data)
		}
		out = append(out, fmt.Sprintf("%s %d", strings.TrimPrefix(p, strings.TrimSuffix(dir, "/")+"/"), size))
	}
	return out
}

func sameNames(got, want []string) error {
	if slices.Equal(got, want) {
		return nil
	}
	return fmt.Errorf("listed %q, want %q", got, want)
}

func (m *machine) rename(o op) error {
	err := m.node.Rename(m.ctx, o.path, o.to, &cachefs.RenameOptions{Overwrite: o.has("o")})
	return m.simple(err, m.model.wantRename(o), func() {
		if o.path != o.to {
			m.model.rename(o.path, o.to)
		}
	})
}

func (m *machine) attr(o op) error {
	e, want := m.model.find(o.path)
	pin := o.has("f")
	err := m.node.SetAttr(m.ctx, o.path, &cachefs.AttrOptions{Pin: &pin})
	if want != nil {
		return m.simple(err, []error{want, m.model.notDirToo(o.path, want)}, nil)
	}
	if err != nil || e.dir { // a directory's pin is inherited by later files: the model keeps to files
		if e.dir && err == nil && pin {
			off := false
			err = m.node.SetAttr(m.ctx, o.path, &cachefs.AttrOptions{Pin: &off})
		}
		return err
	}
	e.pinned = pin
	return nil
}

func (m *machine) free(o op) error {
	want, mayWork := m.model.wantFree(o)
	err := m.node.Free(m.ctx, o.path, &cachefs.FreeOptions{Recursive: o.has("r"), Force: o.has("f")})
	if err != nil {
		if len(want) == 0 {
			return err
		}
		return errors.Join(oneOf(err, want), m.unpinned(o))
	}
	if len(want) > 0 && !mayWork {
		return fmt.Errorf("freed, want one of %v", want)
	}
	if o.has("f") {
		for p, e := range m.model.nodes {
			if p == o.path || under(o.path, p) {
				e.pinned = false
			}
		}
	}
	return nil
}

// unpinned sees what a forced Free of a tree unpinned before it failed: what it came by first.
func (m *machine) unpinned(o op) error {
	if !o.has("f") {
		return nil
	}
	for p, e := range m.model.nodes {
		if !e.pinned || !under(o.path, p) {
			continue
		}
		info, err := m.node.Stat(m.ctx, p, &cachefs.StatOptions{Consistent: true})
		if err != nil {
			return fmt.Errorf("after a Free that failed: %s: %w", p, err)
		}
		e.pinned = info.Pinned()
	}
	return nil
}

// job persists or loads a tree and waits for it.
func (m *machine) job(o op) error {
	e, want := m.model.find(o.path)
	start := func() (*cachefs.Job, error) {
		if o.kind == "load" {
			return m.node.Load(m.ctx, o.path, nil)
		}
		return m.node.Persist(m.ctx, o.path, nil)
	}
	job, err := start()
	if err == nil {
		err = job.Wait(m.ctx)
	}
	if want != nil {
		return m.simple(err, []error{want, m.model.notDirToo(o.path, want)}, nil)
	}
	affected := []*entry{e}
	for _, p := range m.model.below(o.path) {
		affected = append(affected, m.model.nodes[p])
	}
	if slices.ContainsFunc(affected, func(e *entry) bool { return e.maybeLost }) {
		for _, e := range affected { // some were persisted before the lost one was met
			e.pending = e.pending || o.kind == "persist" && !e.dir && !e.persisted
		}
		return nil
	}
	if err != nil {
		if o.kind == "load" {
			return m.mayBeFull(err)
		}
		return err
	}
	for _, e := range affected {
		if o.kind == "persist" && !e.dir {
			e.persisted, e.pending = true, false
		}
	}
	return nil
}

// outside changes the store behind the node's back, then looks with Sync.
func (m *machine) outside(o op) error {
	key := strings.TrimPrefix(strings.TrimPrefix(o.path, "/m"), "/")
	e, err := m.model.find(o.path)
	if key == "" || e != nil && (e.dir || !e.persisted) || errors.Is(err, cachefs.ErrNotDir) {
		return nil
	}
	for q := parent(o.path); q != "/m"; q = parent(q) { // only below directories that the store has
		if _, err := m.store.UFS().Stat(m.ctx, key[:len(q)-len("/m")-1]); err != nil {
			return nil
		}
	}
	if o.kind == "unlink" {
		if e == nil {
			return nil
		}
		if err := m.store.UFS().Delete(m.ctx, key); err != nil {
			return err
		}
		delete(m.model.nodes, o.path)
		_, err := m.node.Stat(m.ctx, o.path, &cachefs.StatOptions{Sync: true})
		return m.simple(err, []error{cachefs.ErrNotExist}, nil)
	}
	data := content(o.seed, o.size)
	if err := putOutside(m.ctx, m.store.UFS(), key, data); err != nil {
		return err
	}
	pinned := e != nil && e.pinned
	m.model.nodes[o.path] = &entry{data: data, persisted: true, pinned: pinned, outside: true}
	info, err := m.node.Stat(m.ctx, o.path, &cachefs.StatOptions{Sync: true})
	if err != nil {
		return err
	}
	if info.Size() != int64(len(data)) {
		return fmt.Errorf("stat after a change in the store says %d bytes, want %d", info.Size(), len(data))
	}
	return nil
}

func putOutside(ctx context.Context, s *ufs.Store, key string, data []byte) error {
	w, err := s.Create(ctx, key, ufs.CreateOptions{Size: int64(len(data))})
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		w.Abort(ctx)
		return err
	}
	_, err = w.Commit(ctx)
	return err
}

// handle keeps files open across other operations.
func (m *machine) handle(o op) error {
	h := m.open[o.h]
	switch {
	case o.kind == "open" && h == nil:
		e := m.model.nodes[o.path]
		if e == nil || e.dir {
			return nil
		}
		f, err := m.node.Open(m.ctx, o.path, nil)
		if err != nil {
			return lostOr(err, e.maybeLost)
		}
		m.open[o.h] = &handle{f, m.node, e.data, e.maybeLost, e.persisted}
	case o.kind == "hread" && h != nil:
		err := checkRange(h.f.WithContext(m.ctx), h.data, h.lost, o.off, o.size)
		if errors.Is(err, cachefs.ErrChanged) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, cachefs.ErrLost) {
			return nil // removed, overwritten or freed while open: nothing wrong was read
		}
		if m.over != nil && m.over.cutOff(h.node) && !errors.Is(err, errWrong) {
			return nil
		}
		return m.reachable(h.stored, err)
	case o.kind == "hclose" && h != nil:
		m.open[o.h] = nil
		return h.f.Close()
	}
	return nil
}

func (m *machine) closeHandles() {
	for i, h := range m.open {
		if h != nil {
			h.f.Close()
			m.open[i] = nil
		}
	}
}

// restart ends the process, gracefully or not, and starts it on what the disk kept.
func (m *machine) restart(o op) error {
	if m.cfg.volatile {
		return nil
	}
	m.closeHandles()
	next := m.disk
	if o.kind == "crash" {
		next = m.disk.Crash(m.rng)
		gone, cancel := context.WithCancel(m.ctx)
		cancel()
		m.self.Shutdown(gone) // what a dead process leaves behind is on the old disk
		m.self.Close()
	} else if err := m.self.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	for _, e := range m.model.nodes {
		if e.pending && o.kind == "restart" && !m.cfg.durable && !e.maybeLost { // Close waited for it
			e.persisted, e.pending = true, false
		}
		if !e.dir && !e.persisted && !m.cfg.durable {
			e.maybeLost = true
		}
	}
	m.disk = next
	if err := m.start(); err != nil || o.kind != "crash" {
		return err
	}
	// What was found in the store is told to the journal behind: a crash may forget it until the next look.
	for p, e := range m.model.nodes {
		if e.outside {
			if _, err := m.node.Stat(m.ctx, p, &cachefs.StatOptions{Sync: true}); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish checks everything there is, then that the store has what was promised to it.
func (m *machine) finish() error {
	m.closeHandles()
	if err := errors.Join(m.everything(), sound(m.self.Metrics())); err != nil {
		return err
	}
	return m.kept()
}

// sound reports what no fault of these runs accounts for: bytes in memory, or from a peer, that left their checksums.
func sound(got cachefs.Metrics) error {
	for _, t := range got.Tiers.Tiers {
		if t.Kind == tier.Memory && t.Corrupt > 0 {
			return fmt.Errorf("at the end: %d blocks in memory did not match their checksums", t.Corrupt)
		}
	}
	if n := got.Mesh.Conns.Corrupt; n > 0 {
		return fmt.Errorf("at the end: %d pieces came damaged from peers", n)
	}
	return nil
}

// everything lists and reads all that the model has.
func (m *machine) everything() error {
	got, err := names(m.node.List(m.ctx, "/", &cachefs.ListOptions{Recursive: true, Consistent: m.behind}), "/")
	if err == nil {
		err = sameNames(got, m.wantNames("/", true))
	}
	if err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	for _, p := range m.model.below("/") {
		if m.model.nodes[p].dir {
			continue
		}
		if err := m.read(op{kind: "read", path: p}); err != nil {
			return fmt.Errorf("at the end: %s: %w", p, err)
		}
	}
	return nil
}

// kept looks that the store has what was promised to it, and closes the node.
func (m *machine) kept() error {
	if err := m.job(op{kind: "persist", path: "/m"}); err != nil {
		return fmt.Errorf("at the end: persist: %w", err)
	}
	for _, p := range m.model.below("/m") {
		e := m.model.nodes[p]
		if e.dir || !e.persisted {
			continue
		}
		data := make([]byte, len(e.data))
		if _, err := m.store.UFS().ReadAt(m.ctx, p[len("/m/"):], "", data, 0); err != nil && err != io.EOF {
			return fmt.Errorf("at the end: store: %s: %w", p, err)
		}
		if err := same(data, e.data, 0); err != nil {
			return fmt.Errorf("at the end: store: %s: %w", p, err)
		}
	}
	return m.close()
}

// run does all operations under one Config; the error names the first one where model and node part.
func run(cfg metaConfig, seed uint64, ops []op, trace func(string)) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	m, err := newMachine(ctx, cfg, seed)
	if err != nil {
		return err
	}
	defer func() { m.closeHandles(); m.close(); m.other.forget() }()
	if err := m.steps(ops, trace); err != nil {
		return err
	}
	return m.finish()
}

func (m *machine) steps(ops []op, trace func(string)) error {
	for i, o := range ops {
		trace(o.String())
		if err := m.step(o); err != nil {
			return fmt.Errorf("operation %d: %s: %w", i, o, err)
		}
	}
	return nil
}
