package fileufs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/millpond/millpond/ufs/driver"
)

// place is the directory, held open. One on a file system that went away, or that was removed, is dead for ever, so it is
// opened again.
type place struct {
	dir     string
	kind    uint64 // of its file system; 0 unknown
	escapes error  // how os.Root says that a path leads out
	root    atomic.Pointer[os.Root]
	reopens sync.Mutex // held by the one that opens again
}

func (p *place) open(dir string) error {
	r, err := os.OpenRoot(dir)
	if err != nil {
		if fi, serr := os.Stat(dir); serr == nil && !fi.IsDir() { // OpenRoot says so in words alone
			err = &fs.PathError{Op: "open", Path: dir, Err: driver.ErrNotDir}
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: the directory has to be made first", err)
		}
		return err
	}
	_, err = r.Lstat("..") // os.Root does not export the error
	pe, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		r.Close()
		return fmt.Errorf("os.Root follows %q out of a directory: %w", "..", err)
	}
	p.dir, p.escapes, p.kind = dir, pe.Err, fileSystem(r)
	p.root.Store(r)
	return nil
}

func (p *place) close() error { return p.root.Load().Close() }

// lost is told of a file system that went away under old, and looks whether it is back: another kind at the path is
// what lies below the mount point. Whoever works with old goes on to fail.
func (p *place) lost(old *os.Root) {
	if !p.reopens.TryLock() {
		return
	}
	defer p.reopens.Unlock()
	if _, err := old.Stat("."); err == nil && !removed(old) || p.root.Load() != old {
		return // one file's trouble, or mended already
	}
	r, err := os.OpenRoot(p.dir)
	if err != nil {
		return
	}
	if p.kind == 0 || fileSystem(r) != p.kind {
		r.Close()
		return
	}
	p.root.Store(r)
	old.Close()
}
