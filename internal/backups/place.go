package backups

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/millpond/millpond/ufs"
)

// Place is a directory of an under store where the backups of one namespace are.
type Place struct {
	store *ufs.Store
	dir   string
}

// Open returns the place in a store, which need not exist yet. A store that cannot create a key exclusively, or takes no changes, is
// ErrUnsupported.
func Open(store *ufs.Store, dir string) (*Place, error) {
	p := &Place{store, dir}
	return p, p.able()
}

// able says whether the store keeps two writers apart. Some find out late that they do not.
func (p *Place) able() error {
	switch c := p.store.Caps(); {
	case c.ReadOnly:
		return fmt.Errorf("%w: under store %s is read-only, and keeps no backups", ufs.ErrUnsupported, p.store.ID())
	case !c.IfAbsent:
		return fmt.Errorf("%w: under store %s cannot create a key exclusively (capability IfAbsent), which keeps two meshes from writing one backup; choose one that can",
			ufs.ErrUnsupported, p.store.ID())
	}
	return nil
}

func (p *Place) String() string { return p.store.ID() + "/" + p.dir }

const (
	entrySuffix = ".json"
	dataSuffix  = ".ckpt"
	digits      = 20 // of any uint64
)

func (p *Place) entryKey(number uint64) string {
	return fmt.Sprintf("%s/%0*d%s", p.dir, digits, number, entrySuffix)
}

func (p *Place) dataKey(e *Entry) string {
	return fmt.Sprintf("%s/%0*d-%s%s", p.dir, digits, e.Number, e.ID, dataSuffix)
}

// names is what a listing of the place has.
type names struct {
	entries []uint64 // ascending
	data    []string // keys
}

// last is the newest entry's number, 0 if there is none.
func (n *names) last() uint64 {
	if len(n.entries) == 0 {
		return 0
	}
	return n.entries[len(n.entries)-1]
}

func (p *Place) list(ctx context.Context) (n names, err error) {
	for a, err := range p.store.List(ctx, ufs.ListOptions{Prefix: p.dir}) {
		if errors.Is(err, ufs.ErrNotExist) {
			break
		}
		if err != nil {
			return n, err
		}
		switch number, is := p.number(a.Key); {
		case is && strings.HasSuffix(a.Key, entrySuffix):
			n.entries = append(n.entries, number)
		case is && strings.HasSuffix(a.Key, dataSuffix):
			n.data = append(n.data, a.Key)
		}
	}
	slices.Sort(n.entries)
	return n, nil
}

// number is the one that a key of ours begins with.
func (p *Place) number(key string) (n uint64, is bool) {
	name := strings.TrimPrefix(key, p.dir+"/")
	if len(name) < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(name[:digits], 10, 64)
	return n, err == nil
}

// read reads an entry: ErrNotExist, errDamaged.
func (p *Place) read(ctx context.Context, number uint64) (e Entry, err error) {
	key := p.entryKey(number)
	err = p.store.Fetch(ctx, key, "", 0, -1, func(body io.Reader, _ bool) error {
		b, err := io.ReadAll(io.LimitReader(body, maxEntry))
		if err == nil {
			e, err = decode(b, number)
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("%s in %s: %w", key, p.store.ID(), err)
	}
	return e, err
}

// newest is the newest entry; number 0 if there is none.
func (p *Place) newest(ctx context.Context) (Entry, error) {
	for tries := 1; ; tries++ {
		n, err := p.list(ctx)
		if err != nil || len(n.entries) == 0 {
			return Entry{}, err
		}
		e, err := p.read(ctx, n.last())
		if !errors.Is(err, ufs.ErrNotExist) { // else it has been deleted since, so there are newer ones
			return e, err
		}
		if err := lag(ctx, tries); err != nil {
			return Entry{}, err
		}
	}
}

// newEntry is one that has a number, and nothing yet of what it says.
func newEntry(owner string, number uint64) *Entry {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return &Entry{Format: format, Number: number, Epoch: number, Owner: owner, ID: hex.EncodeToString(id[:]), Made: time.Now().UTC()}
}

// takenError says that an entry's number was taken by another one.
type takenError struct{ by Entry }

func (e *takenError) Error() string { return fmt.Sprintf("entry %d is there already", e.by.Number) }

// publish creates an entry: a *takenError if there is another one of its number. After any other error it may be there.
func (p *Place) publish(ctx context.Context, e *Entry) error {
	err := p.create(ctx, e)
	if err == nil {
		return p.able()
	}
	switch got, rerr := p.read(ctx, e.Number); {
	case rerr == nil && got.ID == e.ID:
		return p.able() // the answer was lost
	case rerr == nil:
		return &takenError{got}
	case errors.Is(rerr, ufs.ErrNotExist):
		return err
	default:
		return errors.Join(err, rerr)
	}
}

func (p *Place) create(ctx context.Context, e *Entry) error {
	b, err := e.encode()
	if err != nil {
		return err
	}
	w, err := p.store.Create(ctx, p.entryKey(e.Number), ufs.CreateOptions{IfAbsent: true, Parents: true, Mode: fileMode, Size: int64(len(b))})
	if err != nil {
		return err
	}
	if _, err = w.Write(b); err == nil {
		_, err = w.Commit(ctx)
	}
	if err != nil {
		return errors.Join(err, w.Abort(context.WithoutCancel(ctx)))
	}
	return nil
}

// fileMode: a backup has every name of the namespace.
const fileMode = 0o600
