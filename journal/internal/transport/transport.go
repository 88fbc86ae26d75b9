// Package transport carries raft between the nodes of a mesh: raft's own network transport over streams that begin with a hello.
//
// A stream begins with 22 bytes of whoever dialled, and 17 in answer:
//
//	+--------+-----+------+------------+        +--------+------------+
//	| "MPJS" | v=1 | kind | cluster 16 |        | answer | cluster 16 |
//	+--------+-----+------+------------+        +--------+------------+
//
// kind is 1 for raft, 2 for a checkpoint; answer is 0 for welcome, 1 another cluster, 2 another version, 3 not ready. What follows on
// a raft stream is hashicorp/raft's.
package transport

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// Timeout bounds one call of raft's: long enough for a disk that is busy, short enough that a node which comes back after a
// partition is not left to connections that are dead.
const Timeout = 2 * time.Second

// Transport is a raft.Transport between nodes that are named by their ids.
type Transport struct {
	*raft.NetworkTransport
	streams *streams
	calls   chan raft.RPC // what raft consumes
	failed  atomic.Int64  // calls for which there was no answer, heartbeats above all
	quit    chan struct{}
	done    sync.WaitGroup
	once    sync.Once
}

// New returns the transport of node id. It takes part in nothing before Join.
func New(id string, dial Dial, log hclog.Logger) *Transport {
	s := newStreams(id, dial)
	t := &Transport{streams: s, calls: make(chan raft.RPC, 1), quit: make(chan struct{})}
	t.NetworkTransport = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Logger: log, Stream: s, MaxPool: 3, Timeout: Timeout,
	})
	t.done.Go(t.pump)
	return t
}

// pump merges what comes from others with what this node tells its own raft.
func (t *Transport) pump() {
	for {
		select {
		case rpc := <-t.NetworkTransport.Consumer():
			select {
			case t.calls <- rpc:
			case <-t.quit:
				return
			}
		case <-t.quit:
			return
		}
	}
}

// Consumer implements raft.Transport.
func (t *Transport) Consumer() <-chan raft.RPC { return t.calls }

// Join makes the node one of cluster c: streams of others are refused, and those end that it had under another name.
func (t *Transport) Join(c Cluster) { t.streams.join(c) }

// Stop closes every stream. To be called before raft is told to shut down, which waits for its calls.
func (t *Transport) Stop() { t.streams.stop() }

// Close implements raft.WithClose.
func (t *Transport) Close() error {
	t.Stop()
	t.once.Do(func() { close(t.quit) })
	t.done.Wait()
	t.CloseStreams()
	return t.NetworkTransport.Close()
}

// Elect asks the local node, as a departing leader would, to stand for election without waiting for a timer. Only for
// a node that is the one voter of its configuration. It does not wait.
func (t *Transport) Elect() {
	select {
	case t.calls <- raft.RPC{
		Command:  &raft.TimeoutNowRequest{RPCHeader: t.header(t.streams.id)},
		RespChan: make(chan raft.RPCResponse, 1),
	}:
	default:
	}
}

func (t *Transport) header(id string) raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: []byte(id)}
}

// Committed is what a primary says about one entry of its log.
type Committed struct {
	Primary string // who says so
	Term    uint64 // in which it leads
	Index   uint64 // of the entry
	Of      uint64 // the entry's term
}

// Commit tells the local raft that an entry which is in its log has been committed, as the primary's next message would, up to 100 ms
// later. Raft checks it as it checks that message. It waits neither for the effect nor for raft: one that waits for its disk, or
// has ended, is not told.
func (t *Transport) Commit(c Committed) {
	select {
	case t.calls <- raft.RPC{
		Command: &raft.AppendEntriesRequest{
			RPCHeader: t.header(c.Primary), Term: c.Term,
			PrevLogEntry: c.Index, PrevLogTerm: c.Of, LeaderCommitIndex: c.Index,
		},
		RespChan: make(chan raft.RPCResponse, 1),
	}:
	default:
	}
}

// Serve takes over a stream that node from has dialled. Streams that are not raft's are handed to other, which owns them; Stop closes
// them, too.
func (t *Transport) Serve(from string, conn net.Conn, other func(Kind, net.Conn)) error {
	c, ready := t.streams.cluster()
	kind, err := receive(conn, from, c, ready)
	if err != nil {
		_ = conn.Close()
		return err
	}
	if conn = t.streams.track(conn, c); kind == KindRaft {
		t.streams.hand(conn)
	} else {
		other(kind, conn)
	}
	return nil
}

// Open opens a stream of another kind than raft's to a node.
func (t *Transport) Open(ctx context.Context, to string, kind Kind) (net.Conn, error) {
	return t.streams.open(ctx, to, kind)
}

// Append makes the local raft take one more entry behind what it has, as a primary that says at would, and commit all up to it. It is
// for recovery alone: the caller answers for what the others think. It waits for raft, until Close at most: after any error but ErrRefused
// the entry may be in the log.
func (t *Transport) Append(at Committed, entry *raft.Log) error {
	answer := make(chan raft.RPCResponse, 1)
	rpc := raft.RPC{
		Command: &raft.AppendEntriesRequest{
			RPCHeader: t.header(at.Primary), Term: at.Term,
			PrevLogEntry: at.Index, PrevLogTerm: at.Of, Entries: []*raft.Log{entry}, LeaderCommitIndex: entry.Index,
		},
		RespChan: answer,
	}
	select {
	case t.calls <- rpc:
	case <-t.quit:
		return ErrRefused
	}
	select {
	case a := <-answer:
		if r, ok := a.Response.(*raft.AppendEntriesResponse); a.Error == nil && (!ok || !r.Success) {
			return ErrRefused
		}
		return a.Error
	case <-t.quit:
		return raft.ErrRaftShutdown
	}
}

// ErrRefused says that raft did not take an entry.
var ErrRefused = errors.New("raft did not take the entry: somebody else leads by now, its log has changed, or it ends")

// AppendEntries implements raft.Transport. Heartbeats come this way.
func (t *Transport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	err := t.NetworkTransport.AppendEntries(id, target, args, resp)
	if err != nil {
		t.failed.Add(1)
	}
	return err
}

// Heartbeat asks a node to accept this one as the primary of a term.
func (t *Transport) Heartbeat(to string, term uint64, resp *raft.AppendEntriesResponse) error {
	return t.AppendEntries(raft.ServerID(to), raft.ServerAddress(to), &raft.AppendEntriesRequest{
		RPCHeader: t.header(t.streams.id), Term: term,
	}, resp)
}
