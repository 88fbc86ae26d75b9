package tier

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/internal/policy"
	"github.com/millpond/millpond/tier/internal/disk"
)

// directory is one directory of a tier, in service or not.
type directory struct {
	t     *disks
	path  string
	quota atomic.Int64
	cur   atomic.Pointer[mounted]
	full  chan struct{} // wakes evictAhead
	gone  atomic.Bool   // let go by Close

	reviving sync.Mutex // held by revive, which alone uses what follows
	wait     time.Duration
	revived  time.Time
}

// mounted is a directory as it was opened once. It stays usable in memory when the directory fails and after it is closed.
type mounted struct {
	dir    *directory
	d      *disk.Dir
	pol    *policy.Policy
	slots  [64]sync.Mutex // a slot enters and leaves pol under its stripe; before the locks of d and pol
	filled chan struct{}  // closed when pol knows what the directory held at its opening

	down   atomic.Bool // takes no blocks
	unread atomic.Bool // gives none either

	why atomic.Pointer[error] // the latest error of down
}

func newDirectory(t *disks, c Dir) *directory {
	dir := &directory{t: t, path: c.Path, full: make(chan struct{}, 1)}
	dir.quota.Store(c.Quota)
	return dir
}

// open takes the directory into service with what is in it. One that does not work is refused: who opens the store goes by what is there,
// and would take what this one alone has for lost.
func (dir *directory) open() error {
	m, err := dir.mount()
	if err == nil {
		dir.cur.Store(m)
	} else if _, trouble := errors.AsType[*disk.DirError](err); trouble {
		return fmt.Errorf("%w; make room, or mend it: a store that opens without it takes what it alone has for lost", err)
	}
	return err
}

// close lets the directory go. What one says that is out of service has been told.
func (dir *directory) close() error {
	defer dir.gone.Store(true)
	m := dir.cur.Load()
	if err := m.d.Close(); err != nil && !m.down.Load() {
		return err
	}
	return nil
}

// start begins to work behind.
func (dir *directory) start() {
	dir.cur.Load().fillBehind()
	dir.t.s.spawn(dir.evictAhead)
	dir.t.s.spawn(dir.watch)
}

// mount opens the directory.
func (dir *directory) mount() (*mounted, error) {
	s := dir.t.s
	quota := dir.quota.Load()
	shards := max(1, min(s.opts.Shards, int(quota/s.opts.BlockSize/64)))
	m := &mounted{dir: dir, filled: make(chan struct{})}
	m.pol = policy.New(policy.Config{Capacity: uint64(quota / costUnit), Shards: shards})
	var err error
	m.d, err = disk.Open(s.opts.FS, dir.path, disk.Options{
		Quota: quota,
		OnDrop: func(id disk.ID, slot uint32, why disk.Reason) {
			m.forget(slot)
			if why == disk.Corrupt {
				dir.corrupt(BlockID(id))
			}
		},
		OnError: func(err error) { s.opts.Logger.Warn("disk tier", "dir", dir.path, "err", err) },
	})
	return m, err
}

// queue gives the policy a block that it is to choose from, unless the block has left meanwhile, and maybe another has its slot. freq is
// what another policy knew of its use.
func (m *mounted) queue(id disk.ID, slot uint32, freq int) {
	mu := &m.slots[slot%uint32(len(m.slots))]
	mu.Lock()
	defer mu.Unlock()
	if info, live := m.d.At(slot); live && info.ID == id {
		m.pol.AddWarm(hashOf(id), slot, cost(info.Length), freq)
	}
}

// forget takes out of the policy what has left, before its slot is given to another block.
func (m *mounted) forget(slot uint32) {
	mu := &m.slots[slot%uint32(len(m.slots))]
	mu.Lock()
	defer mu.Unlock()
	m.pol.Remove(slot)
}

// fillBehind tells the policy of what an opened directory holds: behind, since a million blocks take it half a second.
func (m *mounted) fillBehind() {
	started := m.dir.t.s.spawn(func(ctx context.Context) {
		defer close(m.filled)
		for info := range m.d.All() {
			if ctx.Err() != nil {
				return
			}
			m.queue(info.ID, info.Slot, 0)
		}
		m.dir.ahead(m) // the quota may have been made smaller
	})
	if !started {
		close(m.filled)
	}
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

// writable is the directory if it takes blocks, else nil.
func (dir *directory) writable() *mounted {
	if m := dir.cur.Load(); m != nil && !m.down.Load() {
		return m
	}
	return nil
}

// readable is the directory if its blocks can be read, else nil.
func (dir *directory) readable() *mounted {
	if m := dir.cur.Load(); m != nil && !m.unread.Load() {
		return m
	}
	return nil
}

// always does what must not be forgotten while the directory is out of service: its memory has it then, and revive
// carries it over. f is called again if the directory came back meanwhile.
func (dir *directory) always(f func(*mounted) error) error {
	for m := dir.cur.Load(); m != nil; {
		err := f(m)
		now := dir.cur.Load()
		if now == m {
			return err
		}
		m = now
	}
	return ErrMiss
}

// put admits a block, evicting as it must. Errors: ErrExist, ErrDropped, ErrBusy, ErrNoSpace, also if the directory is
// out of service.
func (dir *directory) put(ctx context.Context, dropped *atomic.Bool, id BlockID, data [][]byte, h putHints) error {
	n := int64(0)
	for _, p := range data {
		n += int64(len(p))
	}
	for {
		m := dir.writable()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case m == nil || m.d.Charge(n) > m.d.Capacity(): // else it would push all others out in vain
			return ErrNoSpace
		}
		slot, err := m.d.PutUnless(dropped, disk.ID(id), data, h.flags)
		switch {
		case err == nil:
			m.queue(disk.ID(id), slot, h.freq)
			dir.ahead(m)
			return nil
		case errors.Is(err, disk.ErrExist):
			return ErrExist
		case errors.Is(err, disk.ErrDropped):
			return ErrDropped
		case m.failed(err):
			return ErrNoSpace
		case !errors.Is(err, disk.ErrFull):
			return err
		case h.try && len(dir.t.s.below(dir.t.cfg.Kind)) > 0:
			dir.ahead(m)
			return ErrBusy
		case !dir.evictOne(ctx, m):
			return ErrNoSpace
		}
	}
}

func (m *mounted) sync(ids ...disk.ID) error {
	err := m.d.Sync(ids...)
	m.failed(err)
	return err
}

// setFlags changes what keeps a block. Errors: ErrMiss, also for a block that cannot be read now; those of the
// directory, whose memory has the change.
func (m *mounted) setFlags(id BlockID, set, clear disk.Flags) error {
	if clear == 0 && m.unread.Load() {
		return ErrMiss
	}
	err := m.d.ChangeFlags(disk.ID(id), set, clear)
	if clear != 0 {
		if slot, _, _, here := m.d.Lookup(disk.ID(id)); here {
			m.pol.Release(slot)
		}
	}
	if errors.Is(err, disk.ErrMiss) || errors.Is(err, disk.ErrClosed) {
		return ErrMiss
	}
	m.failed(err)
	return err
}

// failed takes the directory out of service if err says that it is in trouble: it takes no blocks, and gives none if
// reading failed. A full quota is no trouble. true: the directory is out.
func (m *mounted) failed(err error) bool {
	if errors.Is(err, fs.ErrClosed) {
		return true // being opened again, or the store is closing
	}
	trouble, ok := errors.AsType[*disk.DirError](err)
	if !ok {
		return false
	}
	if trouble.Op == "read" {
		m.unread.Store(true)
	}
	m.why.Store(&err)
	if m.down.Swap(true) {
		return true
	}
	dir, s := m.dir, m.dir.t.s
	s.opts.Logger.Error("directory out of service", "dir", dir.path, "err", err)
	if f := s.opts.Events.DirDown; f != nil {
		f(DirInfo{Kind: dir.t.cfg.Kind, Dir: dir.path, Err: err})
	}
	s.spawn(func(ctx context.Context) { dir.revive(ctx, m) })
	return true
}
