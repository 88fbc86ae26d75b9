package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/transport"
	"github.com/millpond/millpond/journal/internal/wire"
)

// A checkpoint on its way to another node, numbers little-endian:
//
//	| index u64 | term u64 | config index u64 | config len u32 | config | pieces...        index 0: there is none
//	piece: | len u32 | CRC-32C u32 | bytes |                                                len 0: the end
//
// Config is raft's. The pieces together are the checkpoint's stream, as the state machine and this package wrote it.

const (
	fetchPiece  = 256 << 10
	fetchConfig = 1 << 20
	// fetchPatience is how long one piece may take: a disk that is busy, not a node that is gone.
	fetchPatience = 10 * time.Second
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errFetch        = errors.New("not a checkpoint's stream")
	errNoCheckpoint = errors.New("it has no checkpoint")
)

// catchUp gets a checkpoint from another node before raft starts, if this node is too far behind for the others' logs. Any node that
// takes part may have one. It need not succeed: the primary sends its own then.
func (m *mesh) catchUp(ctx context.Context) error {
	if m.founder {
		return nil
	}
	_, ours := m.is()
	mine := m.replica(wire.Member, ours)
	best, from := wire.Replica{}, ""
	for id, r := range m.replicas(ctx) {
		if r.Checkpoint > best.Checkpoint {
			best, from = r, id
		}
		best.First = max(best.First, r.First)
	}
	if best.Checkpoint <= mine.Last || best.First <= mine.Last+1 && best.Checkpoint < mine.Last+near {
		return nil
	}
	began := time.Now()
	size, err := m.fetch(ctx, from)
	m.j.log.Info("checkpoint fetched", "from", from, "raft index", best.Checkpoint, "bytes", size, "took", time.Since(began), "error", err)
	return ctx.Err()
}

// replicas asks the nodes that take part how far they are.
func (m *mesh) replicas(ctx context.Context) map[string]wire.Replica {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	out := make(map[string]wire.Replica)
	for _, id := range m.mayKnow("") {
		all.Go(func() {
			if r, err := m.status(ctx, id); err == nil {
				mu.Lock()
				out[id] = r
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return out
}

// fetch stores another node's newest checkpoint among this one's.
func (m *mesh) fetch(ctx context.Context, from string) (size int64, err error) {
	conn, err := m.trans.Open(ctx, from, transport.KindCheckpoint)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	meta, err := readFetchHead(conn)
	if err != nil {
		return 0, fmt.Errorf("checkpoint from %s: %w", from, err)
	}
	sink, err := m.j.snaps.Create(raft.SnapshotVersionMax, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
	if err != nil {
		return 0, err
	}
	if size, err = copyPieces(sink, conn); err != nil {
		return size, errors.Join(fmt.Errorf("checkpoint from %s: %w", from, err), sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return size, err
	}
	m.j.counts.fetched.Add(1)
	return size, nil
}

func readFetchHead(conn net.Conn) (m raft.SnapshotMeta, err error) {
	if err := conn.SetDeadline(time.Now().Add(fetchPatience)); err != nil {
		return m, err
	}
	var h [28]byte
	if _, err := io.ReadFull(conn, h[:]); err != nil {
		return m, err
	}
	n := binary.LittleEndian.Uint32(h[24:])
	m.Index, m.Term = binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])
	m.ConfigurationIndex = binary.LittleEndian.Uint64(h[16:])
	switch {
	case m.Index == 0:
		return m, errNoCheckpoint
	case n > fetchConfig:
		return m, errFetch
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(conn, b); err != nil {
		return m, err
	}
	defer func() {
		if recover() != nil { // raft panics on what it cannot decode
			err = errFetch
		}
	}()
	m.Configuration = raft.DecodeConfiguration(b)
	return m, nil
}

func copyPieces(w io.Writer, conn net.Conn) (total int64, err error) {
	buf := make([]byte, fetchPiece)
	for {
		if err := conn.SetDeadline(time.Now().Add(fetchPatience)); err != nil {
			return total, err
		}
		var h [8]byte
		if _, err := io.ReadFull(conn, h[:]); err != nil {
			return total, err
		}
		n := binary.LittleEndian.Uint32(h[:])
		if n == 0 {
			return total, nil
		}
		if n > fetchPiece {
			return total, errFetch
		}
		p := buf[:n]
		if _, err := io.ReadFull(conn, p); err != nil {
			return total, err
		}
		if crc32.Checksum(p, castagnoli) != binary.LittleEndian.Uint32(h[4:]) {
			return total, fmt.Errorf("%w: checksum mismatch at %d", errFetch, total)
		}
		if _, err := w.Write(p); err != nil {
			return total, err
		}
		total += int64(n)
	}
}

// serveCheckpoint sends the newest checkpoint.
func (m *mesh) serveCheckpoint(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(fetchPatience)); err != nil {
		return err
	}
	list, err := m.j.snaps.List()
	if err != nil {
		return err
	}
	if len(list) == 0 {
		_, err := conn.Write(make([]byte, 28))
		return err
	}
	meta, rc, err := m.j.snaps.Open(list[0].ID)
	if err != nil {
		return err
	}
	defer func() { _ = rc.Close() }()
	conf := raft.EncodeConfiguration(meta.Configuration)
	b := binary.LittleEndian.AppendUint64(nil, meta.Index)
	b = binary.LittleEndian.AppendUint64(b, meta.Term)
	b = binary.LittleEndian.AppendUint64(b, meta.ConfigurationIndex)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(conf)))
	if _, err := conn.Write(append(b, conf...)); err != nil {
		return err
	}
	return sendPieces(conn, rc)
}

func sendPieces(conn net.Conn, r io.Reader) error {
	buf := make([]byte, 8+fetchPiece)
	for {
		n, err := io.ReadFull(r, buf[8:])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err // the stream ends without its end
		}
		binary.LittleEndian.PutUint32(buf, uint32(n))
		binary.LittleEndian.PutUint32(buf[4:], crc32.Checksum(buf[8:8+n], castagnoli))
		if err := conn.SetDeadline(time.Now().Add(fetchPatience)); err != nil {
			return err
		}
		if _, err := conn.Write(buf[:8+n]); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}
