package cachefs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/internal/backups"
	"github.com/millpond/millpond/ufs"
)

// ErrBackupFenced says that Config.Backup's place belongs to another mesh, which began from it later or took it over.
var ErrBackupFenced = backups.ErrFenced

// BackupOptions are the options of Backup.
type BackupOptions struct {
	// TakeOver makes the place this mesh's, whoever has it: a person says so, after a fence or a Recover. Whoever had it is
	// fenced then.
	TakeOver bool
}

// BackupInfo describes a backup.
type BackupInfo struct {
	Place    string // store and directory
	Index    uint64 // the last change in it
	Bytes    int64
	Made     time.Time
	Duration time.Duration // that it took
	Err      error         // why there is none, or why it was passed over
}

// backer makes backups while this node leads, and began the namespace from one.
type backer struct {
	n        *Node
	begun    atomic.Bool // the node is open
	restored bool        // the namespace began with a backup, in this Open
	made     atomic.Uint64
	failed   atomic.Uint64
	index    atomic.Uint64 // last change in the newest one, of this node

	turn chan struct{} // capacity 1: who makes one has it

	mu struct {
		sync.Mutex
		store *ufs.Store // nil: not open yet
		owned bool
	}
}

// newBacker is nil without Config.Backup.
func newBacker(n *Node) *backer {
	if n.cfg.Backup == nil {
		return nil
	}
	b := &backer{n: n, turn: make(chan struct{}, 1)}
	n.cfg.Journal.Restore, n.cfg.Journal.Last = b.restore, b.last
	return b
}

// open opens the store, and refuses one that cannot keep two meshes apart.
func (b *backer) open(ctx context.Context) (*backups.Place, error) {
	s, err := b.openStore(ctx)
	if err != nil {
		return nil, fmt.Errorf("Config.Backup: %w", err)
	}
	p, err := backups.Open(s, b.n.cfg.Backup.Path)
	if err != nil {
		return nil, fmt.Errorf("Config.Backup: %w", err)
	}
	return p, nil
}

func (b *backer) openStore(ctx context.Context) (*ufs.Store, error) {
	c := b.n.cfg.Backup
	b.mu.Lock()
	s := b.mu.store
	b.mu.Unlock()
	switch {
	case s != nil:
		return s, nil
	case c.Store != nil:
		s = c.Store
	default:
		var err error
		if s, err = ufs.Open(ctx, c.URL, &b.n.cfg.UFS); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.store == nil {
		b.mu.store, b.mu.owned = s, c.Store == nil
		return s, nil
	}
	if c.Store == nil {
		return b.mu.store, s.Close()
	}
	return b.mu.store, nil
}

// check opens the store at Open. One that is not there then is opened when it is needed: a node that has its journal needs none.
func (b *backer) check(ctx context.Context) error {
	_, err := b.open(ctx)
	if err == nil || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrInvalid) || ctx.Err() != nil {
		return err
	}
	b.n.log.Warn("the place of the backups is not available", "err", err)
	return nil
}

// close closes the store, if this node opened it. After the journal.
func (b *backer) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.store == nil || !b.mu.owned {
		return nil
	}
	return b.mu.store.Close()
}

// restore is journal.Config.Restore.
func (b *backer) restore(ctx context.Context, history string, restore func(io.Reader) error) error {
	p, err := b.open(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	take := func(_ backups.Entry, r io.Reader) error { return restore(r) }
	e, err := p.Restore(ctx, history, take, func(e backups.Entry, err error) {
		b.n.log.Error("a backup is damaged: the one before it is taken", "place", b.n.cfg.Backup.place(), "number", e.Number, "err", err)
		b.tell(b.n.cfg.Events.BackupDamaged, e, began, err)
	})
	if err != nil || e.Backup == nil {
		return err
	}
	b.restored = true
	b.index.Store(e.Backup.Index)
	b.tell(b.n.cfg.Events.BackupRestored, e, began, nil)
	return nil
}

func (b *backer) tell(f func(BackupInfo), e backups.Entry, began time.Time, err error) {
	if f == nil {
		return
	}
	i := BackupInfo{Place: b.n.cfg.Backup.place(), Made: e.Made, Duration: time.Since(began), Err: err}
	if e.Backup != nil {
		i.Index, i.Bytes = e.Backup.Index, e.Backup.Size
	}
	f(i)
}

// run makes backups while this node leads, until ctx ends. Owner: Node.start.
func (b *backer) run(ctx context.Context) {
	wait := b.n.cfg.Backup.Interval
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		began := time.Now()
		b.n.asPrimary(ctx, func(ctx context.Context) { _ = b.save(ctx, false) }) // the event and the log tell
		wait = max(b.n.cfg.Backup.Interval, 10*time.Since(began))
	}
}

// last is journal.Config.Last: nobody goes on, so all that there is has to be in the backup. Who does not lead does not know what there
// is: it was cut off, and others may have gone on.
func (b *backer) last(ctx context.Context) error {
	if !b.begun.Load() {
		return nil
	}
	err := b.lead(ctx)
	if err != nil {
		return fmt.Errorf("this node does not know whether the last changes are in a backup: %w", err)
	}
	if err = b.save(ctx, false); err != nil {
		return fmt.Errorf("the last changes are in no backup: %w", err)
	}
	return nil
}

// lead is nil while this node leads and has all that was acknowledged, ErrNoPrimary if it does not.
func (b *backer) lead(ctx context.Context) error {
	led := b.n.journal.PrimaryContext()
	if led.Err() != nil {
		return fmt.Errorf("%w here", ErrNoPrimary)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(led, cancel)()
	return b.n.journal.Barrier(ctx)
}

// save makes a backup, unless the newest one has all.
func (b *backer) save(ctx context.Context, takeOver bool) error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if !takeOver && b.index.Load() == b.n.journal.Index() {
		return nil
	}
	began := time.Now()
	e, err := b.saveNow(ctx, takeOver)
	if err != nil && ctx.Err() != nil {
		return err // another node leads, the node ends, or the caller has left
	}
	if err != nil {
		b.failed.Add(1)
		b.n.log.Error("no backup", "place", b.n.cfg.Backup.place(), "err", err)
	} else {
		b.made.Add(1)
		b.index.Store(e.Backup.Index)
	}
	b.tell(b.n.cfg.Events.Backup, e, began, err)
	return err
}

func (b *backer) saveNow(ctx context.Context, takeOver bool) (e backups.Entry, err error) {
	p, err := b.open(ctx)
	if err != nil {
		return e, err
	}
	history := b.n.journal.History()
	if takeOver {
		if err := p.TakeOver(ctx, history); err != nil {
			return e, err
		}
	}
	e, err = p.Save(ctx, history, func(w io.Writer) (uint64, error) { return b.n.journal.Backup(ctx, w) })
	if errors.Is(err, backups.ErrOvertaken) {
		return e, fmt.Errorf("%w here any more: %w", ErrNoPrimary, err)
	}
	if err != nil {
		return e, err
	}
	if err := p.Prune(ctx, e); err != nil {
		b.n.log.Warn("old backups are not deleted yet", "place", b.n.cfg.Backup.place(), "err", err)
	}
	return e, nil
}

// Backup makes a backup of the namespace now, in the place of Config.Backup, if there were changes since the newest one. Any node takes
// the call, and the primary does it: ErrNoPrimary. ErrBackupFenced: the place belongs to another mesh, see BackupOptions. Without
// Config.Backup it is ErrInvalid. With Config.Permissions it is for the process itself and superusers.
func (n *Node) Backup(ctx context.Context, o *BackupOptions) error {
	if err := n.ready(ctx); err != nil {
		return err
	}
	if n.backup == nil {
		return invalid("no Config.Backup; say there where the backups go")
	}
	if err := n.maySuper(ctx, "makes backups"); err != nil {
		return err
	}
	opts := deref(o)
	if err := n.journal.Barrier(ctx); err != nil {
		return err
	}
	id := n.journal.PrimaryID()
	if id == n.id || n.isAlone() {
		return n.backup.save(ctx, opts.TakeOver)
	}
	_, err := askNode[none](ctx, n, id, callBackup, backupRequest(opts))
	return err
}

type backupRequest BackupOptions

// serveBackup is asked of the primary.
func (n *Node) serveBackup(ctx context.Context, r backupRequest) error {
	if n.backup == nil {
		return invalid("node %s, the primary, has no Config.Backup", n.id)
	}
	return n.backup.save(ctx, r.TakeOver)
}
