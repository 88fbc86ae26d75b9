package cachefs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
)

const (
	maxFound   = 16 << 10 // entries that wait for the journal: 16 Ki of 300 B are 5 MiB
	foundBatch = 512      // entries in one journal entry: about 64 KiB
)

// found is what a store was seen to have, on its way into the replica.
type found struct {
	mount *mount
	path  string
	key   string
	attr  ufs.Attr
	in    namespace.Inode // as the replica will have it, but for the number
	was   namespace.Inode // what the finder saw in the replica: a change since then wins
	same  bool            // the replica has it already
	since uint64          // index of the replica when the look began: what was changed here after it is newer
	order uint64
}

// fileIDOf names a version of a file in a store: the same on every node and after every loss of the journal. SHA-256
// since a stranger may choose keys.
func fileIDOf(store, key, version string, blockSize int64) tier.FileID {
	h := sha256.New()
	var n [8]byte
	for _, s := range []string{store, key, version} {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	binary.BigEndian.PutUint64(n[:], uint64(blockSize))
	h.Write(n[:])
	return tier.FileID(h.Sum(nil)[:16])
}

// foundAt describes an entry of m's store as the replica will. was is what the replica has, if anything: bytes that the
// store calls by a new name stay what they are.
func (n *Node) foundAt(m *mount, path string, a ufs.Attr, was namespace.Inode) *found {
	if renamedVersion(&was, a) {
		in := was
		in.SyncedAt, in.Version = n.now(), namespace.VersionOf(a.Version)
		return &found{mount: m, path: path, key: a.Key, attr: a, in: in, was: was}
	}
	in := namespace.Inode{
		Name: baseOf(path), Dir: a.Dir, Size: a.Size, Mode: a.Mode.Perm(), Owner: a.Owner, Group: a.Group,
		ModTime: a.ModTime.UnixNano(), SyncedAt: n.now(), Version: namespace.VersionOf(a.Version), Persist: namespace.Persisted,
		Complete: true,
	}
	if a.Dir {
		in.Size = 0
		if in.Mode == 0 {
			in.Mode = 0o755
		}
	} else {
		in.BlockSize = n.cfg.BlockSize
		in.FileID = fileIDOf(m.spec.Store, a.Key, a.Version, in.BlockSize)
		if in.Mode == 0 {
			in.Mode = 0o644
		}
	}
	return &found{mount: m, path: path, key: a.Key, attr: a, in: in, was: was}
}

// maxBlocks is how many blocks a file may have: their ids number so many. With the default block size that is 16 PiB.
const maxBlocks = 1 << 32

// checkLength refuses what a store says of a file that no blocks could be numbered for.
func (n *Node) checkLength(a ufs.Attr) error {
	if most := n.cfg.BlockSize * maxBlocks; !a.Dir && (a.Size < 0 || a.Size > most) {
		return invalid("its under store says that it has %d bytes; 0 to %d will do with blocks of %d", a.Size, most, n.cfg.BlockSize)
	}
	return nil
}

// now orders looks at stores, ns: later than what was seen before, by this run or by an earlier one, whatever the clock of
// the machine has done since.
func (n *Node) now() int64 { return max(time.Now().UnixNano(), n.journal.Time()) }

// renamedVersion reports whether a store calls the bytes that the replica has by a new name.
func renamedVersion(was *namespace.Inode, a ufs.Attr) bool {
	return was.Ino != 0 && !was.Dir && !a.Dir && a.Was != "" && a.Was != a.Version && was.Version.Is(a.Was)
}

// overlay holds what was found in stores and is not in the replica yet. A first read goes on with it at once; the
// journal is told behind, many entries at a time. A change waits for it: flush.
type overlay struct {
	n    *Node
	size atomic.Int64 // len(mu.paths): most of the time nothing waits, and a look costs one load
	wake chan struct{}
	mu   struct {
		sync.RWMutex
		paths map[string]*found
		queue []*found
		added uint64        // order of the last one added
		done  uint64        // all up to this one are in the replica, or given up
		moved chan struct{} // closed when done moves
	}
}

func newOverlay(n *Node) *overlay {
	o := &overlay{n: n, wake: make(chan struct{}, 1)}
	o.mu.paths = map[string]*found{}
	o.mu.moved = make(chan struct{})
	return o
}

// get returns what was found at path.
func (o *overlay) get(path string) *found {
	if o.size.Load() == 0 {
		return nil
	}
	o.mu.RLock()
	f := o.mu.paths[path]
	o.mu.RUnlock()
	if f != nil && o.n.tree.Touched(path, f.since) {
		return nil // it was changed here since it was seen
	}
	return f
}

// add queues what was found; it waits while too much waits already.
func (o *overlay) add(ctx context.Context, list ...*found) error {
	for {
		o.mu.Lock()
		moved := o.mu.moved
		if len(o.mu.queue) < maxFound {
			for _, f := range list {
				o.mu.added++
				f.order = o.mu.added
				o.mu.paths[f.path] = f
				o.mu.queue = append(o.mu.queue, f)
			}
			o.size.Store(int64(len(o.mu.paths)))
			o.mu.Unlock()
			o.poke()
			return nil
		}
		o.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-o.n.ctx.Done():
			return ErrClosed
		}
	}
}

func (o *overlay) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// flush returns when what was found so far is in the replica.
func (o *overlay) flush(ctx context.Context) error {
	if o.size.Load() == 0 {
		return nil
	}
	o.mu.RLock()
	want := o.mu.added
	o.mu.RUnlock()
	for {
		o.mu.RLock()
		done, moved := o.mu.done, o.mu.moved
		o.mu.RUnlock()
		if done >= want {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-o.n.ctx.Done():
			return ErrClosed
		}
	}
}

// run tells the journal what was found, until ctx ends. Owner: Node.start.
func (o *overlay) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		}
		for batch := o.next(); len(batch) > 0; batch = o.next() {
			if err := o.n.discover(ctx, batch[0].mount, batch, nil); err != nil && ctx.Err() == nil {
				// The next look finds it again: what is forgotten here costs a call to the store.
				o.n.log.Warn("what was found in an under store was not recorded", "mount", batch[0].mount.path, "entries", len(batch), "err", err)
			}
			o.applied(batch)
		}
	}
}

// versions are the FileIDs of the files on their way into the replica.
func (o *overlay) versions() (ids []tier.FileID) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for _, f := range o.mu.paths {
		if !f.in.Dir {
			ids = append(ids, f.in.FileID)
		}
	}
	return ids
}

// next takes the longest run of waiting entries of one mount that fits one journal entry.
func (o *overlay) next() []*found {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.mu.queue
	k := 0
	for k < len(q) && k < foundBatch && q[k].mount == q[0].mount {
		k++
	}
	o.mu.queue = q[k:]
	return q[:k:k]
}

// applied forgets a batch: the replica has it.
func (o *overlay) applied(batch []*found) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range batch {
		if o.mu.paths[f.path] == f {
			delete(o.mu.paths, f.path)
		}
	}
	if len(o.mu.queue) == 0 {
		o.mu.queue = nil // lets the array go
	}
	o.size.Store(int64(len(o.mu.paths)))
	o.mu.done = batch[len(batch)-1].order
	close(o.mu.moved)
	o.mu.moved = make(chan struct{})
}
