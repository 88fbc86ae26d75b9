package tier

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/internal/policy"
	"github.com/millpond/millpond/tier/internal/disk"
)

// disks is a disk tier: directories with a quota each.
type disks struct {
	s     *Store
	cfg   Config
	dirs  []*directory
	count counters
}

// directory is one directory of a tier, in service or not.
type directory struct {
	t      *disks
	path   string
	mu     sync.RWMutex // guards d and the closing of it
	d      *disk.Dir    // nil while it is out of service
	pol    *policy.Policy
	filled chan struct{} // closed when pol knows what the directory held at its opening

	quota atomic.Int64
	down  atomic.Bool
	cause atomic.Pointer[DirInfo]
}

func newDisks(s *Store, cfg Config) (*disks, error) {
	t := &disks{s: s, cfg: cfg}
	for _, c := range cfg.Dirs {
		dir := &directory{t: t, path: c.Path}
		dir.quota.Store(c.Quota)
		if err := dir.open(); err != nil {
			return t, err
		}
		t.dirs = append(t.dirs, dir)
	}
	return t, nil
}

// open takes the directory into service, with what is in it.
func (dir *directory) open() error {
	s := dir.t.s
	quota := dir.quota.Load()
	pol := policy.New(policy.Config{Capacity: uint64(quota / costUnit), Shards: max(1, min(s.opts.Shards, int(quota/s.opts.BlockSize/64)))})
	d, err := disk.Open(s.opts.FS, dir.path, disk.Options{
		Quota: quota,
		OnDrop: func(id disk.ID, slot uint32, why disk.Reason) {
			pol.Remove(slot)
			if why == disk.Corrupt {
				dir.corrupt(BlockID(id))
			}
		},
		OnError: func(err error) { s.opts.Logger.Warn("disk tier", "dir", dir.path, "err", err) },
	})
	if err != nil {
		return err
	}
	filled := make(chan struct{})
	dir.mu.Lock()
	dir.d, dir.pol, dir.filled = d, pol, filled
	dir.mu.Unlock()
	dir.down.Store(false)
	s.behind.Go(func() {
		fill(s.ctx, d, pol, filled)
		for d.Used() > d.Capacity() && s.ctx.Err() == nil && dir.evictOne(s.ctx) { // the quota was made smaller
		}
	})
	return nil
}

// fill tells the policy of what an opened directory holds: behind, since a million blocks take it half a second. A block
// that left meanwhile is found out when it is chosen.
func fill(ctx context.Context, d *disk.Dir, pol *policy.Policy, filled chan struct{}) {
	defer close(filled)
	for info := range d.All() {
		if ctx.Err() != nil {
			return
		}
		pol.Add(hashOf(info.ID), info.Slot, cost(info.Length))
	}
}

// victim asks the policy for one. While it is being filled, it is waited for.
func (dir *directory) victim(ctx context.Context, may func(slot uint32) bool) bool {
	if _, ok := dir.pol.Evict(may); ok {
		return true
	}
	select {
	case <-dir.filled:
	case <-ctx.Done():
		return false
	}
	_, ok := dir.pol.Evict(may)
	return ok
}

func hashOf(id disk.ID) uint64 {
	b := BlockID(id)
	return b.hash()
}

func (dir *directory) corrupt(id BlockID) {
	s := dir.t.s
	dir.t.count.corrupt.Add(1)
	s.opts.Logger.Warn("block does not match its checksum: dropped", "block", id.String(), "dir", dir.path)
	if f := s.opts.Events.Corrupt; f != nil {
		f(CorruptInfo{ID: id, Kind: dir.t.cfg.Kind, Dir: dir.path})
	}
}

// use returns the open directory and keeps it open until done.
func (dir *directory) use() (d *disk.Dir, done func(), ok bool) {
	dir.mu.RLock()
	if dir.d == nil || dir.down.Load() {
		dir.mu.RUnlock()
		return nil, nil, false
	}
	return dir.d, dir.mu.RUnlock, true
}

// failed takes the directory out of service if err says that it is in trouble. A full quota is not trouble.
func (dir *directory) failed(err error) bool {
	if !errors.Is(err, disk.ErrDirFailed) {
		return false
	}
	if dir.down.Swap(true) {
		return true
	}
	info := DirInfo{Kind: dir.t.cfg.Kind, Dir: dir.path, Err: err}
	dir.cause.Store(&info)
	s := dir.t.s
	s.opts.Logger.Error("directory out of service", "dir", dir.path, "err", err)
	if f := s.opts.Events.DirDown; f != nil {
		f(info)
	}
	s.behind.Go(func() { dir.revive(s.ctx) })
	return true
}

// revive tries the directory again, ever less often, until it works or ctx ends.
func (dir *directory) revive(ctx context.Context) {
	s := dir.t.s
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 30*time.Second) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		dir.mu.Lock()
		if dir.d != nil {
			_ = dir.d.Close() // releases the lock; what it says now helps nobody
			dir.d = nil
		}
		dir.mu.Unlock()
		if err := dir.open(); err != nil {
			continue
		}
		s.opts.Logger.Info("directory back in service", "dir", dir.path)
		if f := s.opts.Events.DirUp; f != nil {
			f(DirInfo{Kind: dir.t.cfg.Kind, Dir: dir.path})
		}
		return
	}
}

// find is the directory that has the block.
func (t *disks) find(id BlockID) (dir *directory, length int64, flags disk.Flags, ok bool) {
	for _, dir := range t.dirs {
		d, done, up := dir.use()
		if !up {
			continue
		}
		_, n, fl, here := d.Lookup(disk.ID(id))
		done()
		if here {
			return dir, n, fl, true
		}
	}
	return nil, 0, 0, false
}

// readAt reads from whichever directory has the block: ErrMiss if none does.
func (t *disks) readAt(id BlockID, p []byte, off int64) (int, error) {
	for _, dir := range t.dirs {
		d, done, up := dir.use()
		if !up {
			continue
		}
		slot, _, _, here := d.Lookup(disk.ID(id))
		if !here {
			done()
			continue
		}
		n, err := d.ReadAt(disk.ID(id), p, off)
		if err == nil {
			dir.pol.Hit(id.hash(), slot)
		}
		done()
		switch {
		case err == nil:
			t.count.hits.Add(1)
			return n, nil
		case errors.Is(err, disk.ErrMiss), errors.Is(err, disk.ErrCorrupt), errors.Is(err, disk.ErrClosed), dir.failed(err):
			continue // elsewhere, or from the under store
		default:
			return 0, err
		}
	}
	return 0, ErrMiss
}

// order lists the directories that work, the one with the largest free share first.
func (t *disks) order() []*directory {
	var best []*directory
	share := func(dir *directory) float64 {
		d, done, up := dir.use()
		if !up {
			return -1
		}
		defer done()
		return 1 - float64(d.Used())/float64(max(1, d.Capacity()))
	}
	top := -1.0
	for _, dir := range t.dirs {
		if s := share(dir); s > top {
			top = s
			best = append([]*directory{dir}, best...)
		} else if s >= 0 {
			best = append(best, dir)
		}
	}
	return best
}

// put admits a block to one of the directories, evicting to the next tier as it must. ErrNoSpace: none of them can make
// room.
func (t *disks) put(ctx context.Context, id BlockID, data [][]byte, flags disk.Flags, freq int) error {
	for _, dir := range t.order() {
		err := dir.put(ctx, id, data, flags, freq)
		switch {
		case err == nil:
			t.count.admissions.Add(1)
			return nil
		case errors.Is(err, ErrNoSpace), dir.failed(err):
			continue
		default:
			return err
		}
	}
	return ErrNoSpace
}

func (dir *directory) put(ctx context.Context, id BlockID, data [][]byte, flags disk.Flags, freq int) error {
	n := int64(0)
	for _, p := range data {
		n += int64(len(p))
	}
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		d, done, up := dir.use()
		if !up {
			return ErrNoSpace
		}
		slot, err := d.Put(disk.ID(id), data, flags)
		if err == nil {
			dir.pol.AddWarm(id.hash(), slot, cost(n), freq)
		}
		done()
		switch {
		case errors.Is(err, disk.ErrExist):
			return ErrExist
		case !errors.Is(err, disk.ErrFull):
			return err
		}
		if !dir.evictOne(ctx) {
			return ErrNoSpace
		}
	}
}

// evictOne moves the policy's victim down a tier, or lets it go if there is none. false: nothing may leave.
func (dir *directory) evictOne(ctx context.Context) bool {
	d, done, ok := dir.use()
	if !ok {
		return false
	}
	defer done()
	below := dir.t.s.below(dir.t.cfg.Kind)
	var victim disk.Info
	ok = dir.victim(ctx, func(slot uint32) bool {
		info, live := d.At(slot)
		if !live || info.Flags != 0 && below == nil {
			return false
		}
		victim = info
		return true
	})
	if !ok {
		return false
	}
	if below != nil && !dir.demote(ctx, d, below, victim) && victim.Flags != 0 {
		dir.pol.Add(hashOf(victim.ID), victim.Slot, cost(victim.Length))
		return false
	}
	d.Delete(victim.ID)
	dir.t.count.evictions.Add(1)
	return true
}

// demote copies a block to the tier below.
func (dir *directory) demote(ctx context.Context, d *disk.Dir, below *disks, v disk.Info) bool {
	p := make([]byte, v.Length)
	n, err := d.ReadAt(v.ID, p, 0)
	if err == nil && int64(n) < v.Length {
		err = ErrMiss
	}
	if err == nil {
		err = below.put(ctx, BlockID(v.ID), [][]byte{p}, v.Flags, dir.pol.Frequency(hashOf(v.ID)))
	}
	if errors.Is(err, ErrExist) {
		err = nil
	}
	if err == nil && v.Flags != 0 {
		err = below.sync(BlockID(v.ID))
	}
	dir.t.s.left(EvictInfo{ID: BlockID(v.ID), Length: v.Length, From: dir.t.cfg.Kind, To: below.cfg.Kind, Gone: err != nil, Err: err}, &dir.t.count)
	return err == nil
}

// sync makes blocks durable where they are.
func (t *disks) sync(id BlockID) error {
	dir, _, _, ok := t.find(id)
	if !ok {
		return ErrMiss
	}
	d, done, up := dir.use()
	if !up {
		return ErrMiss
	}
	err := d.Sync(disk.ID(id))
	done()
	dir.failed(err)
	return err
}

// setFlags changes what keeps a block here, durably.
func (t *disks) setFlags(id BlockID, set, clear disk.Flags) error {
	dir, _, flags, ok := t.find(id)
	if !ok {
		return ErrMiss
	}
	d, done, up := dir.use()
	if !up {
		return ErrMiss
	}
	defer done()
	want := flags&^clear | set
	if want == flags {
		return nil
	}
	err := d.SetFlags(disk.ID(id), want)
	if want == 0 {
		if slot, _, _, here := d.Lookup(disk.ID(id)); here {
			dir.pol.Release(slot)
		}
	}
	if errors.Is(err, disk.ErrMiss) {
		return ErrMiss
	}
	dir.failed(err)
	return err
}

func (t *disks) drop(id BlockID) (dropped bool) {
	for _, dir := range t.dirs {
		if d, done, up := dir.use(); up {
			dropped = d.Delete(disk.ID(id)) || dropped
			done()
		}
	}
	return dropped
}

func (t *disks) close() (errs []error) {
	for _, dir := range t.dirs {
		dir.mu.Lock()
		if dir.d != nil {
			if err := dir.d.Close(); err != nil && !dir.down.Load() {
				errs = append(errs, err)
			}
			dir.d = nil
		}
		dir.mu.Unlock()
	}
	return errs
}
