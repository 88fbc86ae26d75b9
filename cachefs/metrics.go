package cachefs

import (
	"sync/atomic"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
)

// Metrics is what a node has counted since Open: a value.
//
// Reads are counted where they leave memory. An open file finds a block in the memory tier once, which is one of that
// tier's Hits, and reads it from there on without telling anybody: neither those reads nor the bytes of any read from
// memory are counted, since a hit is a copy of some nanoseconds. DiskHits, DiskBytes, Misses and MissBytes count each read,
// or part of one, of a block; StoreBytes is what stores sent, whole blocks and what was read ahead included. A program that
// counts the bytes it reads has those from memory as what is neither in DiskBytes nor in MissBytes.
type Metrics struct {
	Tiers   tier.Metrics           // capacity, use, hits (see above), misses, evictions of each tier
	Journal journal.Metrics        // index, latency
	Stores  map[string]ufs.Metrics // by mount path: calls, bytes, retries, errors
	Mesh    peer.Metrics           // members, gossip, connections; zero without Config.Mesh

	DiskHits        uint64 // block reads that a disk tier answered
	DiskBytes       uint64 // given to readers from disk tiers; of a View, what it lends
	Misses          uint64 // block reads that no tier could answer; those that join a running fill, too
	MissBytes       uint64 // that they asked for
	StoreBytes      uint64 // brought from under stores
	PeerBytes       uint64 // brought from peers
	PeerFailures    uint64 // peers that were to send a block and did not answer in time, or sent a damaged one
	PeerHedges      uint64 // second requests to another peer, since the first was late: one for 20 requests at most
	PeerHedgesWon   uint64 // of those, answered first
	Served          Served // to peers
	Fills           uint64 // blocks brought
	FillsDropped    uint64 // given up because FillQueue was full
	FillQueue       int    // blocks that wait to be brought
	StoreCallsSaved uint64 // stats and listings of mounts that were answered from the replica, from memory or by an equal call
	SkippedNames    uint64 // entries of under stores whose names are no names here, or whose lengths no lengths
	HiddenNames     uint64 // entries that listings of an IOFS left out
	EffectQueue     int    // changes that the tiers have yet to follow
	Discovering     int    // found entries on their way into the journal
	Persisted       uint64 // files uploaded behind
	PersistFailures uint64 // uploads that failed and are tried again
	PersistBacklog  int    // files that wait for their store
	Backups         uint64 // made by this node
	BackupFailures  uint64 // that it could not make
	BackupIndex     uint64 // last change in the newest one that it made, or began with
	Spilled         uint64 // blocks of files being written that another node took, since this one was full
	Writers         int    // files being written
	ClientStreams   int    // files that Clients write by way of this node, and jobs that they run here
	Intents         int    // changes under way that touch a store, too
}

// Served is what peers were sent, in bytes.
type Served struct {
	Memory, Disk uint64 // out of tiers
	Filling      uint64 // while it was brought
}

// counters are what the node itself counts. Memory hits are counted by the tiers: a counter that all readers share
// would cost them more than the look-up.
type counters struct {
	diskHits, diskBytes atomic.Uint64
	misses, missBytes   atomic.Uint64
	storeBytes          atomic.Uint64
	peerBytes           atomic.Uint64
	peerFailures        atomic.Uint64
	spilled             atomic.Uint64
	peerHedges          atomic.Uint64
	peerHedgesWon       atomic.Uint64
	served              served
	saved               striped
	skippedNames        atomic.Uint64
	hiddenNames         atomic.Uint64
}

// tierHit counts a read of n bytes that a tier answered. A read that missed was no hit, wherever its block lies by now.
func (c *counters) tierHit(kind tier.Kind, n int, missed bool) {
	if kind == tier.Memory || missed {
		return
	}
	c.diskHits.Add(1)
	c.diskBytes.Add(uint64(n))
}

// miss counts a read of n bytes that no tier could answer, once; it returns true.
func (c *counters) miss(n int, missed bool) bool {
	if !missed {
		c.misses.Add(1)
		c.missBytes.Add(uint64(n))
	}
	return true
}

// Metrics returns what the node has counted.
func (n *Node) Metrics() Metrics {
	m := Metrics{
		Tiers: n.tiers.Metrics(), Journal: n.journal.Metrics(), Stores: map[string]ufs.Metrics{},
		DiskHits: n.counters.diskHits.Load(), DiskBytes: n.counters.diskBytes.Load(), Misses: n.counters.misses.Load(), MissBytes: n.counters.missBytes.Load(),
		PeerBytes: n.counters.peerBytes.Load(), PeerFailures: n.counters.peerFailures.Load(),
		PeerHedges: n.counters.peerHedges.Load(), PeerHedgesWon: n.counters.peerHedgesWon.Load(), Served: n.counters.served.load(),
		StoreBytes: n.counters.storeBytes.Load(), Fills: n.filler.fills.Load(), FillsDropped: n.filler.dropped.Load(),
		FillQueue: len(n.filler.queue), StoreCallsSaved: n.counters.saved.load(), SkippedNames: n.counters.skippedNames.Load(), HiddenNames: n.counters.hiddenNames.Load(),
		EffectQueue: n.effects.depth(), Discovering: int(n.overlay.size.Load()),
		Persisted: n.persist.done.Load(), PersistFailures: n.persist.failed.Load(), PersistBacklog: n.tree.Waiting(),
		ClientStreams: int(n.clientStreams.Load()),
		Spilled:       n.counters.spilled.Load(), Writers: n.writers.count(), Intents: n.tree.IntentCount(),
	}
	if b := n.backup; b != nil {
		m.Backups, m.BackupFailures, m.BackupIndex = b.made.Load(), b.failed.Load(), b.index.Load()
	}
	if n.peers != nil {
		m.Mesh = n.peers.Metrics()
	}
	for _, mt := range n.mounts.all() {
		if s := mt.store.Load(); s != nil {
			m.Stores[mt.path] = s.Metrics()
		}
	}
	return m
}
