package journal

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// Metrics is how a journal does; counts are since Open.
type Metrics struct {
	Index           uint64 // last change applied
	RaftIndex       uint64 // last raft entry applied; many changes share one
	Term            uint64
	Primary         bool
	PrimaryID       string // who leads, as far as this node knows
	Role            Role
	Changes         uint64 // answered to Propose here
	Batches         uint64 // raft entries that carried them
	LogBytes        uint64 // written to the log, data only
	Checkpoints     uint64
	CheckpointBytes int64  // size of the newest one
	SinceCheckpoint uint64 // changes to replay if the node died now
	Fetched         uint64 // checkpoints that this node got from another one when it came
	Forwarded       uint64 // changes of those in Changes that another node, the primary, has made
	// Commit counts batches by how long they took from being sent to being applied: bucket i is below 2^i microseconds.
	Commit [32]uint64
}

type counters struct {
	changes, batches, logBytes, checkpoints atomic.Uint64
	fetched, forwarded                      atomic.Uint64
	commit                                  [32]atomic.Uint64
}

func (c *counters) committed(n int, took time.Duration) {
	c.changes.Add(uint64(n))
	c.batches.Add(1)
	c.commit[min(bits.Len64(uint64(took.Microseconds())), len(c.commit)-1)].Add(1)
}

func (c *counters) logged(entries []*raft.Log) {
	n := 0
	for _, e := range entries {
		n += len(e.Data)
	}
	c.logBytes.Add(uint64(n))
}

// Metrics returns the present figures.
func (j *Journal) Metrics() Metrics {
	at, _ := j.at.now()
	_, size := j.snaps.Last()
	m := Metrics{
		Index: at.index, RaftIndex: at.raft, Term: j.raft.CurrentTerm(), Primary: j.Primary(),
		PrimaryID: j.PrimaryID(), Role: j.role(j.node),
		Changes: j.counts.changes.Load(), Batches: j.counts.batches.Load(), LogBytes: j.counts.logBytes.Load(),
		Checkpoints: j.counts.checkpoints.Load(), CheckpointBytes: size, SinceCheckpoint: j.ckpt.entries.Load(),
		Fetched: j.counts.fetched.Load(), Forwarded: j.counts.forwarded.Load(),
	}
	for i := range m.Commit {
		m.Commit[i] = j.counts.commit[i].Load()
	}
	return m
}
