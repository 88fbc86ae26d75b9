package cachefs

import (
	"context"
	"errors"
	"io"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
)

// place is where an under store has a version of a file.
type place struct {
	mount   *mount
	key     string
	version string
}

// source finds where the store has the version that h opened, by what the replica says now: the file may have moved,
// and our own rename or chmod may have given the same bytes a new version.
func (h *handle) source() (place, error) {
	in, known := h.current()
	switch {
	case !known && h.from != nil:
		return place{h.from.mount, h.from.key, h.from.attr.Version}, nil
	case !known:
		return place{}, ErrChanged
	case in.Version.String() == "" || in.Persist != Persisted: // what the store has under the name is older
		return place{}, ErrLost
	}
	path, ok := h.n.tree.Path(in.Ino)
	if !ok {
		return place{}, ErrChanged
	}
	m, key := h.n.mounts.find(path)
	if m == nil {
		return place{}, ErrLost
	}
	return place{m, key, in.Version.String()}, nil
}

// current is h's inode as it is now, if it still has the version that was opened.
func (h *handle) current() (namespace.Inode, bool) {
	if h.in.Ino != 0 {
		in, ok := h.n.tree.Get(h.in.Ino)
		return in, ok && in.FileID == h.in.FileID
	}
	in, err := h.n.tree.Stat(h.path, nil)
	return in, err == nil && in.FileID == h.in.FileID
}

// atSource calls do with where the store has h's version. What a change of our own moves meanwhile is looked up again;
// what somebody else changed is ErrChanged, and the next Open sees it.
func (h *handle) atSource(ctx context.Context, do func(s *ufs.Store, key, version string) error) error {
	for {
		p, err := h.source()
		if err != nil {
			return err
		}
		store, err := p.mount.open(ctx)
		if err != nil {
			return &accessError{err}
		}
		err = do(store, p.key, p.version)
		if !errors.Is(err, ErrNotExist) && !errors.Is(err, ErrChanged) {
			return err
		}
		if in, ok := h.current(); ok && in.Intent != 0 {
			if err := h.n.intentGone(ctx, in.Intent); err != nil {
				return err
			}
			continue
		}
		if now, err := h.source(); err != nil || now != p {
			continue
		}
		h.changedAt(ctx, p)
		return ErrChanged
	}
}

// accessError is an under store that this node cannot open; another may.
type accessError struct{ error }

func (e *accessError) Unwrap() []error { return []error{e.error, errNoAccess} }

// changedAt notes that the store has another version, or none, where it had the one that h opened. The next Open sees it.
func (h *handle) changedAt(ctx context.Context, p place) {
	if f := h.n.cfg.Events.StoreChanged; f != nil && !h.told.Swap(true) {
		f(fileInfo(h.path, &h.in))
	}
	h.n.lookAgain(ctx, p.mount, h.path, p.key)
}

// readStore fills p with the file's bytes from off on, straight from the store.
func (h *handle) readStore(ctx context.Context, p []byte, off int64) error {
	return h.atSource(ctx, func(s *ufs.Store, key, version string) error {
		n, err := s.ReadAt(ctx, key, version, p, off)
		h.n.counters.storeBytes.Add(uint64(n))
		switch {
		case n == len(p):
			return nil
		case err == io.EOF || err == nil:
			return io.ErrUnexpectedEOF // the store is shorter than it said
		}
		return err
	})
}

// fetch hands n bytes of the file from off on to take, which begins anew each time that it is called: see ufs.Store.Fetch.
func (h *handle) fetch(ctx context.Context, off, n int64, take func(body io.Reader, checked bool) error) error {
	return h.atSource(ctx, func(s *ufs.Store, key, version string) error {
		return s.Fetch(ctx, key, version, off, n, take)
	})
}

// readPast fills p with the file's bytes from off on, past the tiers: from peers that have them, or the store.
func (h *handle) readPast(ctx context.Context, p []byte, off int64, as role, from string) error {
	if h.n.mesh == nil {
		return h.readStore(ctx, p, off)
	}
	for len(p) > 0 {
		i, at := h.place(off)
		n := min(int64(len(p)), h.blockLen(i)-at)
		w := &part{h: h, id: tier.NewBlockID(h.in.FileID, uint32(i)), at: at, end: at + n, as: as, from: from}
		if err := h.bringTo(ctx, w, p[:n]); err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

// readPart fills p with the bytes of f's block from off on.
func (h *handle) readPart(ctx context.Context, f *fill, p []byte, off int64) error {
	if h.n.mesh == nil {
		return h.readStore(ctx, p, f.offset()+off)
	}
	return h.bringTo(ctx, &part{h: h, id: f.id, at: off, end: off + int64(len(p)), as: f.as, from: f.from, fill: f}, p)
}

// bringTo brings w to p.
func (h *handle) bringTo(ctx context.Context, w *part, p []byte) error {
	s := &slice{p: p}
	w.to = s
	return h.n.mesh.bring(ctx, w, func(ctx context.Context) error {
		return h.readStore(ctx, p[s.n:], int64(w.id.Index())*h.in.BlockSize+w.at)
	})
}

// role is on whose behalf blocks are brought for a reader of h.
func (h *handle) role() role {
	if h.read == NoCache {
		return asGuest
	}
	return asReader
}
