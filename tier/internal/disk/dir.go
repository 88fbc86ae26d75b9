package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/millpond/millpond/internal/vfs"
)

// Options say how a directory is used.
type Options struct {
	// Quota is what all files of the directory may take on disk, in bytes. Required, at least MinQuota.
	// A sixteenth is kept back: see doc.go.
	Quota int64

	// DirtyLimit is how many bytes are written before a Put waits for them to be on the disk, so that admission goes at
	// the disk's speed and the page cache does not fill with what is still to be written. Default 64 MiB.
	DirtyLimit int64

	// OnDrop is told of every block that leaves, whoever dropped it, after nobody can find it any more and before its
	// slot can be given to another block. It is called without locks and must not call Delete.
	OnDrop func(id ID, slot uint32, why Reason)

	// OnError is told what went wrong behind: reclaiming space, compacting the index, what Open found damaged.
	OnError func(error)
}

// Reason says why a block left.
type Reason uint8

const (
	Deleted Reason = iota // Delete, DeleteFile
	Corrupt               // its bytes did not match their checksum
)

// MinQuota is the smallest quota.
const MinQuota = 512 << 10

const (
	formatFile = "FORMAT"
	lockFile   = "LOCK"
	dataDir    = "data"
	probeFile  = "PROBE"
	formatText = "millpond disk tier\nformat 2\n"
)

// Dir is the store of one directory. All methods may be called by any goroutines at the same time.
type Dir struct {
	index index // first: its shards lie on cache lines

	fs   vfs.FS
	path string
	opts Options
	lock io.Closer

	readOnly bool // Check looks and changes nothing

	segments atomic.Pointer[map[uint32]*segment]
	punches  bool // the file system gives the bytes of a hole back

	space       spaceState // lock order: a shard's mutex, then space
	rolling     sync.Mutex // one new segment at a time
	reclaiming  sync.Mutex // one reclaimer at a time
	compacting  sync.Mutex // one compaction of the index at a time; taken before log.file
	nextSegment atomic.Uint32
	log         indexLog
	logRecords  atomic.Int64 // in the files that Open would read
	logs        []string     // older files that hold records; guarded by compacting
	dirty       atomic.Int64 // bytes written since the last flush of all segments
	flushing    sync.Mutex

	count     counters
	ctx       context.Context
	stop      context.CancelFunc
	work      chan struct{}
	behind    sync.WaitGroup
	recovered chan struct{}
	closed    atomic.Bool
	closing   sync.Mutex
}

// Open takes the directory, which it makes if it is missing, and reads its index; block bytes are checked later, when
// they are first touched. A directory in use is a *vfs.LockedError, one in another format an ErrFormat; both are left
// as they are. Other errors are *DirError.
func Open(fsys vfs.FS, dir string, o Options) (*Dir, error) {
	if o.Quota < MinQuota {
		return nil, fmt.Errorf("disk %s: quota of %d bytes: the smallest is %d", dir, o.Quota, MinQuota)
	}
	if o.DirtyLimit <= 0 {
		o.DirtyLimit = 64 << 20 // 40 ms of a disk of 1.7 GB/s
	}
	d := &Dir{fs: fsys, path: dir, opts: o, work: make(chan struct{}, 1), recovered: make(chan struct{})}
	d.newIndex()
	d.segments.Store(&map[uint32]*segment{})
	d.space.quota = o.Quota
	d.ctx, d.stop = context.WithCancel(context.Background())
	if err := d.open(); err != nil {
		d.release()
		return nil, err
	}
	d.behind.Go(d.maintain)
	return d, nil
}

func (d *Dir) open() error {
	if err := d.take(); err != nil {
		return err
	}
	var err error
	if d.punches, err = d.probe(); err != nil {
		return d.fail("create", err)
	}
	if err := d.openSegments(); err != nil {
		return err
	}
	gen, err := d.load()
	if err != nil {
		return err
	}
	d.settle()
	return d.switchLog(gen + 1)
}

// take makes or checks the format file, under the lock.
func (d *Dir) take() error {
	if err := vfs.MkdirAll(d.fs, d.path, 0o700); err != nil {
		return d.fail("create", err)
	}
	if err := checkFormat(d.fs, d.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lock, err := d.fs.Lock(filepath.Join(d.path, lockFile))
	if _, held := errors.AsType[*vfs.LockedError](err); held {
		return err
	}
	if err != nil {
		return d.fail("open", err)
	}
	d.lock = lock
	err = checkFormat(d.fs, d.path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := vfs.MkdirAll(d.fs, filepath.Join(d.path, dataDir), 0o700); err != nil {
		return d.fail("create", err)
	}
	return d.fail("create", vfs.WriteFile(d.fs, filepath.Join(d.path, formatFile), []byte(formatText), 0o600))
}

// otherFormat is what a person can do about blocks that this version cannot read.
const otherFormat = "go back to the version that wrote it, or empty the directory: what the under stores have is read again, files that only this tier has are lost"

// checkFormat returns nil for a directory of ours, fs.ErrNotExist for an empty one, else ErrFormat or a *DirError.
func checkFormat(fsys vfs.FS, dir string) error {
	b, err := vfs.ReadFile(fsys, filepath.Join(dir, formatFile))
	if err == nil {
		if string(b) != formatText {
			return fmt.Errorf("%w: %s says %.64q, this version reads %q; %s", ErrFormat, filepath.Join(dir, formatFile), b, formatText, otherFormat)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return &DirError{Dir: dir, Op: "open", Err: err}
	}
	names, err := fsys.ReadDir(dir)
	if err != nil {
		return &DirError{Dir: dir, Op: "open", Err: err}
	}
	for _, e := range names {
		switch e.Name() {
		case lockFile, formatFile + ".tmp", "lost+found":
		case dataDir: // made before the format file
			if inside, err := fsys.ReadDir(filepath.Join(dir, dataDir)); err == nil && len(inside) > 0 {
				return fmt.Errorf("%w: %s has data and no %s; %s", ErrFormat, dir, formatFile, otherFormat)
			}
		default:
			return fmt.Errorf("%w: %s holds %q, which is not ours; choose an empty directory", ErrFormat, dir, e.Name())
		}
	}
	return fs.ErrNotExist
}

// probe says whether holes give their bytes back here.
func (d *Dir) probe() (bool, error) {
	name := filepath.Join(d.path, probeFile)
	f, err := d.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return false, err
	}
	defer func() {
		_ = f.Close()
		_ = d.fs.Remove(name)
	}()
	const n = 64 << 10
	if _, err := f.WriteAt(make([]byte, n), 0); err != nil {
		return false, err
	}
	if f.PunchHole(0, n) != nil {
		return false, nil
	}
	fi, err := f.Stat()
	if err != nil {
		return false, err
	}
	left, told := vfs.Allocated(fi)
	return told && left < n, nil
}

// Recovered is closed when what Open left for later is done: what a crash may have torn has been verified.
func (d *Dir) Recovered() <-chan struct{} { return d.recovered }

// Path is the directory.
func (d *Dir) Path() string { return d.path }

// Close makes everything durable and lets go of the directory. A second call does nothing.
func (d *Dir) Close() error {
	d.closing.Lock()
	defer d.closing.Unlock()
	if d.closed.Swap(true) {
		return nil
	}
	d.stop()
	d.behind.Wait()
	err := d.sealAll()
	if err == nil {
		err = d.syncLog(d.log.last())
	}
	d.release()
	return err
}

func (d *Dir) release() {
	d.stop()
	for _, s := range *d.segments.Load() {
		_ = s.f.Close()
	}
	d.log.file.Lock()
	if d.log.file.f != nil {
		_ = d.log.file.f.Close()
	}
	d.log.file.Unlock()
	if d.lock != nil {
		_ = d.lock.Close()
	}
}
