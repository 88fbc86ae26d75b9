package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/internal/vfs"

	"github.com/millpond/millpond/peer"
)

// Where a block is served from: the first byte of its key.
const (
	fromMemory = iota
	fromSummed // memory, whose sums are kept
	fromFile
)

// peerPair is two nodes of a mesh on loopback; one serves blocks to the other.
type peerPair struct {
	here, there *peer.Mesh
	block       []byte
	sums        []uint64
	file        vfs.File
}

// newPeerPair makes them; dir is where the file goes.
func newPeerPair(ctx context.Context, dir string, cfg peer.Config) (*peerPair, error) {
	p := &peerPair{block: make([]byte, miB)}
	rand.Read(p.block)
	for at := 0; at < len(p.block); at += 64 * kiB {
		p.sums = append(p.sums, piece.Sum(p.block[at:at+64*kiB]))
	}
	var err error
	if p.file, err = blockFile(dir, p.block); err != nil {
		return nil, err
	}
	if p.there, err = peer.Open(ctx, cfg, peer.Options{ID: "there", Handler: p}); err != nil {
		return nil, err
	}
	cfg.Join = []string{p.there.Addr()}
	if p.here, err = peer.Open(ctx, cfg, peer.Options{ID: "here", Handler: p}); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if err := p.meet(ctx); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// blockFile is b in a file that is in the page cache.
func blockFile(dir string, b []byte) (vfs.File, error) {
	f, err := vfs.OS.OpenFile(filepath.Join(dir, "block"+rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(b)
	return f, errors.Join(err, os.Remove(f.Name()))
}

func (p *peerPair) osFile() *os.File {
	f, _ := vfs.OSFile(p.file)
	return f
}

// meet waits until the two see each other.
func (p *peerPair) meet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		changed := p.here.Changed()
		if len(p.here.Members()) == 2 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("two nodes do not meet: %w", ctx.Err())
		}
	}
}

func (p *peerPair) close() error {
	err := p.file.Close()
	for _, m := range []*peer.Mesh{p.here, p.there} {
		if m != nil {
			err = errors.Join(err, m.Close())
		}
	}
	return err
}

// ServeBlock serves ranges of whole pieces from the file and with kept sums, any from memory, each in its turn, as a node does.
func (p *peerPair) ServeBlock(_ context.Context, _ string, r *peer.BlockRequest, w *peer.BlockWriter) error {
	return w.InTurn(func() error { return p.send(r, w) })
}

func (p *peerPair) send(r *peer.BlockRequest, w *peer.BlockWriter) error {
	b := p.block[r.Off : r.Off+r.Length]
	if r.Key[0] == fromMemory {
		return w.Lend(b, nil)
	}
	sums := p.sums[r.Off/(64*kiB):][:(r.Length+64*kiB-1)/(64*kiB)]
	if r.Key[0] == fromSummed {
		return w.LendSummed(b, sums, nil)
	}
	return w.SendFile(p.osFile(), r.Off, r.Length, sums)
}

// ServeReady serves ranges from memory, and from the page cache what is no shorter than a piece, as a node does.
func (p *peerPair) ServeReady(_ string, r *peer.BlockRequest, w *peer.BlockWriter) bool {
	if r.Key[0] == fromFile && (r.Length < piece.Size || !vfs.InPageCache(p.file, r.Off, r.Length)) {
		return false
	}
	_ = p.send(r, w) // an error ends the request
	return true
}

func (p *peerPair) ServeCall(context.Context, string, string, []byte) ([]byte, error) {
	return nil, errors.New("no calls here")
}

func (p *peerPair) ServeStream(_, _ string, conn net.Conn) { conn.Close() }

// read returns a side whose operation is a read of n bytes.
func (p *peerPair) read(n int, from byte) side {
	dst := make([]byte, n)
	r := peer.BlockRequest{Key: peer.Key{from}, Length: int64(n)}
	return func(times int) error {
		for range times {
			if _, err := p.here.ReadBlock(context.Background(), "there", r, [][]byte{dst}, nil); err != nil {
				return err
			}
		}
		return nil
	}
}
