package tier

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

const (
	firstWait = 100 * time.Millisecond
	longWait  = 30 * time.Second
	watchTime = 10 * time.Second // how soon a directory that was removed is missed when nothing is made durable
)

// watch looks now and then whether the directory is still there, until ctx ends. Owner: Open.
func (dir *directory) watch(ctx context.Context) {
	tick := time.NewTicker(watchTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if m := dir.writable(); m != nil {
				m.failed(m.d.Present())
			}
		}
	}
}

// revive tries a directory that failed again, ever less often, until it works or ctx ends. One that fails again soon
// goes on waiting where it left off.
func (dir *directory) revive(ctx context.Context, m *mounted) {
	dir.reviving.Lock() // the one before is about to return
	defer dir.reviving.Unlock()
	if time.Since(dir.revived) > longWait {
		dir.wait = firstWait
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(dir.wait):
		}
		dir.wait = min(2*dir.wait, longWait)
		works := false
		if m, works = dir.tryAgain(m); works && dir.backInService(m) {
			return
		}
	}
}

// backInService tells that a directory works and lets it; false if reading from it failed meanwhile.
func (dir *directory) backInService(m *mounted) bool {
	dir.revived = time.Now()
	s := dir.t.s
	s.opts.Logger.Info("directory back in service", "dir", dir.path)
	if f := s.opts.Events.DirUp; f != nil {
		f(DirInfo{Kind: dir.t.cfg.Kind, Dir: dir.path})
	}
	m.down.Store(false)
	// Who failed to read before that has left it to us, who does so from now on starts a revive of its own.
	return !m.unread.Load() || !m.down.CompareAndSwap(false, true)
}

// tryAgain says whether the directory works: as it is if only writing failed, else opened anew. It returns what is mounted
// then.
func (dir *directory) tryAgain(m *mounted) (*mounted, bool) {
	if !m.unread.Load() {
		err := m.d.Resume()
		if !errors.Is(err, fs.ErrNotExist) {
			return m, err == nil
		}
		m.unread.Store(true) // its files are gone, or others are in their place
	}
	_ = m.d.Close() // lets the lock go; what it says now helps nobody
	n, err := dir.mount()
	if err != nil {
		return m, false
	}
	n.why.Store(m.why.Load())
	n.down.Store(true)
	n.unread.Store(true)
	dir.cur.Store(n) // from now on drops and marks go to n
	n.d.SetQuota(dir.quota.Load())
	n.fillBehind()
	if n.d.Reconcile(m.d) != nil {
		return n, false
	}
	n.unread.Store(false)
	return n, true
}
