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
// takes part may have one; where who has the newest does not send all of it, the next newest is taken. It need not succeed: the primary
// sends its own then.
func (m *mesh) catchUp(ctx context.Context) error {
	if m.founder {
		return nil
	}
	_, ours := m.is()
	mine := m.replica(wire.Member, ours)
	others := m.replicas(ctx)
	for ctx.Err() == nil {
		from, ok := worthFetching(others, mine.Last)
		if !ok {
			return nil
		}
		began := time.Now()
		size, err := m.fetch(ctx, from)
		m.j.log.Info("checkpoint fetched", "from", from, "raft index", others[from].Checkpoint, "bytes", size, "took", time.Since(began), "error", err)
		if err == nil {
			return nil
		}
		delete(others, from)
	}
	return ctx.Err()
}

// worthFetching is who has the newest checkpoint, if a node whose log ends at last does well to fetch it.
func worthFetching(others map[string]wire.Replica, last uint64) (id string, ok bool) {
	checkpoint, first := uint64(0), uint64(0)
	for other, r := range others {
		if r.Checkpoint > checkpoint {
			id, checkpoint = other, r.Checkpoint
		}
		first = max(first, r.First)
	}
	return id, checkpoint > last && (first > last+1 || checkpoint >= last+near)
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
