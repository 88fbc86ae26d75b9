package journal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/transfer"
	"github.com/millpond/millpond/journal/internal/transport"
	"github.com/millpond/millpond/journal/internal/wire"
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
	meta, err := transfer.Receive(conn)
	if err != nil {
		return 0, fmt.Errorf("checkpoint from %s: %w", from, err)
	}
	sink, err := m.j.snaps.Create(raft.SnapshotVersionMax, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
	if err != nil {
		return 0, err
	}
	if size, err = transfer.ReceiveTo(sink, conn); err != nil {
		return size, errors.Join(fmt.Errorf("checkpoint from %s: %w", from, err), sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return size, err
	}
	m.j.counts.fetched.Add(1)
	return size, nil
}

// serveCheckpoint sends the newest checkpoint.
func (m *mesh) serveCheckpoint(conn net.Conn) error {
	list, err := m.j.snaps.List()
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return transfer.Send(conn, nil, nil)
	}
	meta, rc, err := m.j.snaps.Open(list[0].ID)
	if err != nil {
		return err
	}
	defer func() { _ = rc.Close() }()
	return transfer.Send(conn, meta, rc)
}
