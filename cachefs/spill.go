package cachefs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// outside are blocks on the heap that no tier of this node has room for, while another node takes them: at most one for each
// writer.
type outside struct {
	mu     sync.Mutex
	blocks map[tier.BlockID]*tier.Writer
}

func (o *outside) put(id tier.BlockID, b *tier.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.blocks == nil {
		o.blocks = map[tier.BlockID]*tier.Writer{}
	}
	o.blocks[id] = b
}

func (o *outside) remove(id tier.BlockID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.blocks, id)
}

// send sends a peer at most n bytes of a block, from off on: peer.ErrMissing if it is not here.
func (o *outside) send(id tier.BlockID, off, n int64, w blockWriter) (int64, error) {
	o.mu.Lock()
	b := o.blocks[id]
	o.mu.Unlock()
	if b == nil {
		return 0, peer.ErrMissing
	}
	return inTurn(w, func() (int64, error) {
		buf := sendBufs.Get().(*[sendSize]byte)
		defer sendBufs.Put(buf)
		got, err := b.ReadAt(upTo(buf, off, n), off)
		if got == 0 {
			return 0, errors.Join(peer.ErrMissing, err)
		}
		_, err = w.Write(buf[:got])
		return int64(got), err
	})
}

// errNoTaker is that nodes which are not full do not take a file, or as many of them as it wants.
var errNoTaker = errors.New("this node is full, and no other takes all of the file")

// spilled is what of a writer's file another node holds, since this one is full.
type spilled struct {
	host   string // "": nothing
	blocks map[tier.BlockID]bool
}

// local leaves out what is not here.
func (s *spilled) local(ids []tier.BlockID) []tier.BlockID {
	return slices.DeleteFunc(slices.Clone(ids), func(id tier.BlockID) bool { return s.blocks[id] })
}

// spillsLocked reports whether blocks may go to another node.
func (w *nodeWriter) spillsLocked() bool { return w.held() && !w.n.isAlone() && w.mu.up == nil }

// outsideLocked goes on with the present block, or the next, outside of the tiers.
func (w *nodeWriter) outsideLocked() {
	b := w.mu.block
	w.mu.block = w.n.tiers.Detached(tier.NewBlockID(w.id, uint32(len(w.mu.blocks))), b)
	w.mu.outside = true
	if b != nil {
		b.Abort()
	}
}

// spillLocked has another node take the block b, the next one of the file. If none does, an AsyncThrough writer turns to the store.
func (w *nodeWriter) spillLocked(b *tier.Writer) error {
	id := tier.NewBlockID(w.id, uint32(len(w.mu.blocks)))
	w.n.outside.put(id, b)
	defer w.n.outside.remove(id)
	if err := w.askToHold(id, b.Len()); err != nil {
		w.mu.block = b // the store wants it, or it ends with the writer
		return w.orThroughLocked(err)
	}
	b.Abort()
	if w.mu.spilled.blocks == nil {
		w.mu.spilled.blocks = map[tier.BlockID]bool{}
	}
	w.mu.spilled.blocks[id] = true
	w.mu.blocks = append(w.mu.blocks, id)
	w.n.counters.spilled.Add(1)
	return nil
}

// askToHold has the file's host take a block, or, for the first one, whoever takes it. Where the host does not, another node takes all of
// the file so far. ErrNoSpace: none has room, or there is none to ask; errNoTaker: the host and others do not, for another reason.
func (w *nodeWriter) askToHold(id tier.BlockID, length int64) error {
	i := int64(id.Index())
	r := w.holdRequest(i, i+1, i*w.bs+length)
	if w.mu.spilled.host == "" {
		return w.findHostLocked(r, nil)
	}
	err := w.askHost(w.mu.spilled.host, r)
	if err == nil || errors.Is(err, ErrLeaseLost) || w.ctx.Err() != nil {
		return err
	}
	return w.moveLocked(i+1, r.Size, err)
}

// holdRequest asks for the blocks [first, end) of the file, of which size bytes are written.
func (w *nodeWriter) holdRequest(first, end, size int64) holdRequest {
	return holdRequest{Index: w.n.tree.Index(), Ino: w.ino, File: w.id[:], Size: size, First: first, Count: end - first}
}

// askHost has a node take blocks of the file.
func (w *nodeWriter) askHost(id string, r holdRequest) error {
	_, err := askAttended[none](w.ctx, w.n, id, callHold, r)
	switch {
	case err == nil:
		return nil
	case w.ctx.Err() != nil:
		return context.Cause(w.ctx)
	case errors.Is(err, ErrNotExist): // it was removed meanwhile
		return fmt.Errorf("%w: %w", ErrLeaseLost, err)
	}
	return err
}

// findHostLocked makes the first node the file's host that takes what r asks for. why is why the one that it has does not, nil if it
// has none.
func (w *nodeWriter) findHostLocked(r holdRequest, why error) error {
	in, ok := w.n.tree.Get(w.ino)
	if !ok {
		return ErrLeaseLost
	}
	in.FileID = w.id
	var full, fault error
	for _, id := range w.n.candidates(&in, r.Also, w.n.staying()) {
		err := w.askHost(id, r)
		switch {
		case err == nil:
			w.mu.spilled.host = id
			return nil
		case errors.Is(err, ErrLeaseLost) || w.ctx.Err() != nil:
			return err
		case isFull(err):
			full = err
		default:
			fault = err
		}
	}
	return noHost(why, full, fault)
}

// noHost is the error of a writer whose blocks nobody takes: the host not, why; of other nodes some are full, some do not for another
// reason.
func noHost(why, full, fault error) error {
	switch {
	case isFull(why):
		return why
	case full != nil:
		return errors.Join(full, why)
	case fault == nil:
		return errors.Join(ErrNoSpace, why) // there is no other
	case why == nil:
		return fmt.Errorf("%w, and no other node takes the next block: %w", ErrNoSpace, fault)
	}
	return fmt.Errorf("%w: %w", errNoTaker, errors.Join(why, fault))
}

// sendSpilledLocked sends an upload a block that another node holds.
func (w *nodeWriter) sendSpilledLocked(id tier.BlockID) error {
	b := w.n.tiers.Detached(id, nil)
	defer b.Abort()
	length := min(w.bs, w.mu.size-int64(id.Index())*w.bs)
	if err := w.n.pullAll(w.ctx, []string{w.mu.spilled.host}, id, length, b); err != nil {
		return fmt.Errorf("block %d is on node %s alone: %w", id.Index(), w.mu.spilled.host, err)
	}
	_, err := io.Copy(w.mu.up, io.NewSectionReader(b, 0, b.Len()))
	return err
}

// settleSpilledLocked lets the evictors have what this node and the host hold of a complete file whose homes are others.
func (w *nodeWriter) settleSpilledLocked(homes []string) {
	for _, id := range w.mu.spilled.local(w.mu.blocks) {
		w.n.tiers.Unhold(id)
	}
	if host := w.mu.spilled.host; !slices.Contains(homes, host) {
		w.letGoSoonLocked(host)
	}
}

// letGoSoonLocked tells nodes that took blocks of the file that nobody counts on them.
func (w *nodeWriter) letGoSoonLocked(ids ...string) {
	size := w.mu.size
	w.n.spawn(func(ctx context.Context) { w.n.letGo(ctx, w.ino, w.id, size, ids) })
}

// spreadSpilled is spread for a file of which this node has a part, and is no home: the host takes the rest, and other nodes all of it,
// as many as it wants.
func (n *Node) spreadSpilled(ctx context.Context, in *namespace.Inode, host string, want int, stay map[string]bool) ([]string, error) {
	list := n.candidates(in, nil, stay)
	if i := slices.Index(list, host); i > 0 {
		list = slices.Insert(slices.Delete(list, i, i+1), 0, host)
	}
	homes, fault, err := n.spreadOver(ctx, in, nil, want, list, []string{host})
	switch {
	case err != nil || len(homes) >= want:
	case fault != nil:
		err = fmt.Errorf("%w: %w", errNoTaker, fault)
	default: // this one would be the next
		err = ErrNoSpace
	}
	return homes, err
}
