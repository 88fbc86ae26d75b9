package cachefs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// settlePublish: a publication whose answer was lost has happened if the store has our bytes under the key. Another
// version of the same length is no proof: somebody else may have written it, and to take it for ours would mix its
// bytes with the cached ones and let go of the only copy. Where our bytes are not in the tiers to compare with, it is
// held for not done: a file that waits for its store is uploaded again, one that was to be completed is given up and
// what the store has is found like any stranger's.
func (n *Node) settlePublish(ctx context.Context, s *ufs.Store, in namespace.Intent) (bool, outcome, error) {
	a, err := s.Stat(ctx, in.Key)
	if errors.Is(err, ErrNotExist) {
		return false, outcome{}, nil
	}
	if err != nil {
		return false, outcome{}, err
	}
	file, ok := n.tree.Get(in.Ino)
	if !ok || a.Is(in.Prior) || a.Size != publishedSize(in) {
		return false, outcome{}, nil
	}
	file.Size = a.Size
	if c, ok := in.CompleteFile(); ok {
		file.FileID = c.FileID
	}
	same, err := n.storeHas(ctx, s, a, &file)
	return same, outcome{a.Version, a.ModTime.UnixNano()}, err
}

// publishedSize is the length of what a publication was to show: its intent has it in To, which a publication has no
// other use for.
func publishedSize(in namespace.Intent) int64 {
	n, err := strconv.ParseInt(in.To, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// storeHas reports whether a version in a store has the bytes that tiers have of a file, ours or a peer's, all of them.
func (n *Node) storeHas(ctx context.Context, s *ufs.Store, a ufs.Attr, in *namespace.Inode) (bool, error) {
	if n.isAlone() && !n.holdsAll(in) { // before the store is asked for bytes that nothing could be compared with
		return false, nil
	}
	cached := newFile(ctx, n, a.Key, in, nil, NoCache) // from here or from whoever has it: no store does
	body, _, err := s.Open(ctx, a.Key, 0, -1, a.Version)
	if err != nil {
		return false, err
	}
	defer body.Close()
	theirs := make([]byte, 256<<10)
	ours := make([]byte, len(theirs))
	for off := int64(0); off < in.Size; {
		k := min(int64(len(theirs)), in.Size-off)
		if _, err := io.ReadFull(body, theirs[:k]); err != nil {
			return false, err
		}
		_, err := cached.ReadAt(ours[:k], off)
		switch {
		case errors.Is(err, ErrLost), errors.Is(err, ErrChanged):
			return false, nil
		case err != nil:
			return false, err
		case !bytes.Equal(ours[:k], theirs[:k]):
			return false, nil
		}
		off += k
	}
	return true, nil
}

// settledPublish does what follows a publication that nobody waited for.
func (n *Node) settledPublish(ctx context.Context, m *mount, in namespace.Intent, committed bool) error {
	if committed {
		if file, ok := n.tree.Get(in.Ino); ok {
			n.unholdFile(&file)
		}
		n.persist.moved()
		return nil
	}
	n.persist.kick() // what waits for its store is uploaded again
	if err := n.abandonAdopted(ctx, in); err != nil {
		return err
	}
	if _, writing := n.tree.Get(in.Ino); !writing {
		n.lookAfter(ctx, m, in.Key, in.Path)
	}
	return nil
}

// abandonAdopted removes the file that a run which has ended was about to complete: it stayed while the intent held it.
func (n *Node) abandonAdopted(ctx context.Context, in namespace.Intent) error {
	c, ok := in.CompleteFile()
	if !ok || c.Lease == n.lease { // our writer does that itself
		return nil
	}
	_, err := n.propose(ctx, &namespace.AbandonFile{Ino: in.Ino, Lease: c.Lease})
	return err
}

// lookAfter sees what a store has of a file after a publication that may have happened.
func (n *Node) lookAfter(ctx context.Context, m *mount, key, path string) {
	n.absent.forget(m, key)
	n.lookAgain(ctx, m, path, key)
}
