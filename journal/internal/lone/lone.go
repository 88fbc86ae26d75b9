// Package lone is the raft transport of a node without peers, and the way to make such a node primary at once.
package lone

import (
	"errors"
	"io"

	"github.com/hashicorp/raft"
)

// ErrAlone answers every call to a peer.
var ErrAlone = errors.New("this node has no peers")

// Transport is a raft.Transport that reaches nobody. Its Consumer carries what Elect sends.
type Transport struct {
	id    raft.ServerID
	calls chan raft.RPC
}

// New returns the transport of node id, whose address is its id.
func New(id string) *Transport {
	return &Transport{id: raft.ServerID(id), calls: make(chan raft.RPC, 1)}
}

// Elect asks the local node, as a departing leader would, to stand for election without waiting for a timer. Only for
// a node that is the one voter of its configuration. It does not wait; a request that is still on its way is enough.
func (t *Transport) Elect() {
	rpc := raft.RPC{
		Command: &raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{
			ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(t.id), Addr: []byte(t.id),
		}},
		RespChan: make(chan raft.RPCResponse, 1),
	}
	select {
	case t.calls <- rpc:
	default:
	}
}

// Consumer implements raft.Transport.
func (t *Transport) Consumer() <-chan raft.RPC { return t.calls }

// LocalAddr implements raft.Transport.
func (t *Transport) LocalAddr() raft.ServerAddress { return raft.ServerAddress(t.id) }

// AppendEntriesPipeline implements raft.Transport.
func (t *Transport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, ErrAlone
}

// AppendEntries implements raft.Transport.
func (t *Transport) AppendEntries(raft.ServerID, raft.ServerAddress, *raft.AppendEntriesRequest, *raft.AppendEntriesResponse) error {
	return ErrAlone
}

// RequestVote implements raft.Transport.
func (t *Transport) RequestVote(raft.ServerID, raft.ServerAddress, *raft.RequestVoteRequest, *raft.RequestVoteResponse) error {
	return ErrAlone
}

// InstallSnapshot implements raft.Transport.
func (t *Transport) InstallSnapshot(raft.ServerID, raft.ServerAddress, *raft.InstallSnapshotRequest, *raft.InstallSnapshotResponse, io.Reader) error {
	return ErrAlone
}

// EncodePeer implements raft.Transport.
func (t *Transport) EncodePeer(_ raft.ServerID, addr raft.ServerAddress) []byte { return []byte(addr) }

// DecodePeer implements raft.Transport.
func (t *Transport) DecodePeer(b []byte) raft.ServerAddress { return raft.ServerAddress(b) }

// SetHeartbeatHandler implements raft.Transport; no heartbeat ever comes.
func (t *Transport) SetHeartbeatHandler(func(raft.RPC)) {}

// TimeoutNow implements raft.Transport.
func (t *Transport) TimeoutNow(raft.ServerID, raft.ServerAddress, *raft.TimeoutNowRequest, *raft.TimeoutNowResponse) error {
	return ErrAlone
}
