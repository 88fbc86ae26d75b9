package cachefs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/peer"
)

// FakeMesh is nodes of one process that call each other's methods: a mesh without network, for what reads make of the
// answers. Every node has the same ring.
type FakeMesh struct {
	mu struct {
		sync.Mutex
		nodes map[string]*Node
		Fake
	}
}

// Fake is how a FakeMesh departs from a good one.
type Fake struct {
	Reading  func(ctx context.Context, from, to string, r *peer.BlockRequest) error // before a request arrives
	Bytes    func(from, to string, p []byte)                                        // on their way
	Owners   func(self string, key peer.Key) []string                               // as a node sees them
	Previous func(self string, key peer.Key) (string, bool)
	// Owned is peer.Mesh's. nil: true
	Owned func(self string, key peer.Key) bool
}

// Join makes a node one of the mesh.
func (f *FakeMesh) Join(n *Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.nodes == nil {
		f.mu.nodes = map[string]*Node{}
	}
	f.mu.nodes[n.id] = n
	n.mesh = newMesh(n, &fakePeers{f, n.id})
}

// Set changes how it departs.
func (f *FakeMesh) Set(d Fake) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.Fake = d
}

// Fake is how it departs.
func (f *FakeMesh) Fake() Fake {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.Fake
}

func (f *FakeMesh) node(id string) *Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.nodes[id]
}

// Ring is the ids in the order in which they own a key.
func (f *FakeMesh) Ring(key peer.Key) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for id := range f.mu.nodes {
		ids = append(ids, id)
	}
	score := func(id string) uint64 {
		h := fnv.New64a()
		h.Write([]byte(id))
		return (binary.BigEndian.Uint64(key[:])*7 ^ binary.BigEndian.Uint64(key[12:])*0x9E3779B97F4A7C15) * (h.Sum64() | 1) >> 7
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(score(a), score(b)) })
	return ids
}

type fakePeers struct {
	f    *FakeMesh
	self string
}

func (p *fakePeers) Owners(dst []string, key peer.Key, n int) []string {
	ids := p.f.Ring(key)
	if f := p.f.Fake().Owners; f != nil {
		ids = f(p.self, key)
	}
	return append(dst, ids[:min(n, len(ids))]...)
}

func (p *fakePeers) Previous(key peer.Key) (string, bool) {
	if f := p.f.Fake().Previous; f != nil {
		return f(p.self, key)
	}
	return "", false
}

func (p *fakePeers) Owned(key peer.Key) bool {
	f := p.f.Fake().Owned
	return f == nil || f(p.self, key)
}

func (p *fakePeers) Members() (list []peer.Member) {
	for _, id := range p.f.Ring(peer.Key{}) {
		list = append(list, peer.Member{ID: id, Self: id == p.self})
	}
	return list
}

func (p *fakePeers) Changed() <-chan struct{} { return nil }

func (p *fakePeers) Call(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	if f := p.f.Fake().Reading; f != nil {
		if err := f(ctx, p.self, to, nil); err != nil {
			return nil, err
		}
	}
	return p.f.node(to).mesh.serveCall(ctx, method, req)
}

func (p *fakePeers) CallLong(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	return p.Call(ctx, to, method, req)
}

func (p *fakePeers) ReadBlock(ctx context.Context, to string, r peer.BlockRequest, dst [][]byte, arrived func(n int64)) ([]string, error) {
	f := p.f.Fake()
	if f.Reading != nil {
		if err := f.Reading(ctx, p.self, to, &r); err != nil {
			return nil, err
		}
	}
	n := p.f.node(to)
	if n == nil {
		return nil, peer.ErrUnreachable
	}
	w := &fakeWriter{ctx: ctx, off: r.Off, dst: slices.Clone(dst), arrived: arrived, sums: r.Sums}
	if f.Bytes != nil {
		w.bytes = func(b []byte) { f.Bytes(p.self, to, b) }
	}
	err := n.mesh.serveBlock(ctx, p.self, &r, w)
	if err == nil && w.n != r.Length {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = w.err
	}
	return w.holders, err
}

type fakeWriter struct {
	ctx     context.Context
	off     int64 // of the request, in the block
	dst     [][]byte
	n       int64
	err     error
	holders []string
	bytes   func(b []byte)
	arrived func(n int64)
	sums    []uint64 // where who reads wants them
}

func (w *fakeWriter) InTurn(f func() error) error { return f() }

func (w *fakeWriter) Holders(ids []string) { w.holders = ids }

func (w *fakeWriter) Lend(b []byte, release func()) error {
	defer release()
	_, err := w.Write(b)
	return err
}

func (w *fakeWriter) LendSummed(b []byte, sums []uint64, release func()) error {
	defer release()
	return w.summed(b, sums)
}

func (w *fakeWriter) SendFile(f *os.File, off, n int64, sums []uint64) error {
	b := make([]byte, n)
	if _, err := f.ReadAt(b, off); err != nil {
		return err
	}
	return w.summed(b, sums)
}

// summed refuses what the link would: here what are no whole pieces with a sum each, where they arrive those whose sums do not
// match. Pieces before one that does not have arrived.
func (w *fakeWriter) summed(b []byte, sums []uint64) error {
	if at := w.off + w.n; at%pieceSize != 0 || len(sums) != (len(b)+pieceSize-1)/pieceSize {
		return fmt.Errorf("%d bytes at %d of a block, with %d sums: want whole pieces of %d", len(b), at, len(sums), pieceSize)
	}
	for p := range slices.Chunk(b, pieceSize) {
		if piece.Sum(p) != sums[0] {
			w.err = peer.ErrChecksum
		}
		if w.sums != nil {
			w.sums[(w.off+w.n)/pieceSize-w.off/pieceSize] = sums[0]
		}
		if _, err := w.Write(p); err != nil {
			return err
		}
		sums = sums[1:]
	}
	return nil
}

func (w *fakeWriter) Write(p []byte) (int, error) {
	if w.err != nil || w.ctx.Err() != nil {
		return 0, cmp.Or(w.err, context.Cause(w.ctx))
	}
	if w.bytes != nil {
		sent := bytes.Clone(p)
		if w.bytes(sent); !bytes.Equal(sent, p) {
			w.err = peer.ErrChecksum
			return 0, w.err
		}
	}
	for rest := p; len(rest) > 0; {
		if len(w.dst[0]) == 0 {
			w.dst = w.dst[1:]
			continue
		}
		k := copy(w.dst[0], rest)
		w.dst[0], rest = w.dst[0][k:], rest[k:]
	}
	w.n += int64(len(p))
	if w.arrived != nil {
		w.arrived(w.n)
	}
	return len(p), nil
}

// ServeReady asks n for bytes of a block as the reader of a connection does; ok is false if that has to go another way.
func ServeReady(ctx context.Context, n *Node, r peer.BlockRequest) (got []byte, ok bool, err error) {
	got = make([]byte, r.Length)
	w := &fakeWriter{ctx: ctx, off: r.Off, dst: [][]byte{got}}
	ok = n.mesh.serveReady("asks", &r, w)
	return got[:w.n], ok, w.err
}

// Heat is what n remembers of a block that others ask for.
func Heat(n *Node, key peer.Key) (asks float64, holders []string) {
	s := n.mesh.hot.of(key)
	defer s.Unlock()
	if s.key != key {
		return 0, nil
	}
	return s.v.asks, s.v.holders
}

// KeepsHint says that who asks will have a copy.
var KeepsHint = keepsHint
