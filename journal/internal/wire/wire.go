// Package wire is what the journals of a mesh ask each other, numbers little-endian.
//
//	request:  | v=1 | kind | cluster 16 | body      kinds: see Kind
//	answer:   | v=1 | status | body                 statuses: see Status
//
// The body of a Propose is a batch (journal/internal/batch); its answer's is
//
//	| term u64 | raft index u64 | entry's term u64 | count u32 | then for each command: code u8, index u64, len u32, answer or error text
//
// Bodies of the other kinds are drawn at their types.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Version of requests and answers.
const Version = 1

// Kind says what is asked.
type Kind byte

// What is asked.
const (
	Propose Kind = iota + 1 // make these commands changes
	Barrier                 // a read index
	State                   // what are you; see NodeState
	Join                    // take me in
	Leave                   // I go; let me out
	Recover                 // lead what is left, under the name in the body
	Adopt                   // the journal's name; body: the old one, the new one
)

// Status says how it went.
type Status byte

// How it went.
const (
	OK           Status = iota
	NotPrimary          // body: id of the node that leads as far as this one knows, or empty
	OtherCluster        // body: 16 bytes
	Failed              // body: text
	Busy                // too many bytes wait here; body empty
)

// ErrFormat says that bytes are no request or answer.
var ErrFormat = errors.New("not a journal's message")

// HeadLen is how many bytes come before a request's body.
const HeadLen = 2 + 16

// AppendRequest appends a request's head.
func AppendRequest(b []byte, k Kind, cluster [16]byte) []byte {
	return append(append(b, Version, byte(k)), cluster[:]...)
}

// ParseRequest takes a request apart; body lies in b.
func ParseRequest(b []byte) (k Kind, cluster [16]byte, body []byte, err error) {
	if len(b) < HeadLen {
		return 0, cluster, nil, ErrFormat
	}
	if b[0] != Version {
		return 0, cluster, nil, fmt.Errorf("%w: version %d, this node speaks %d", ErrFormat, b[0], Version)
	}
	return Kind(b[1]), [16]byte(b[2:]), b[HeadLen:], nil
}

// Answer is an answer with its body.
func Answer(s Status, body []byte) []byte {
	return append(append(make([]byte, 0, 2+len(body)), Version, byte(s)), body...)
}

// ParseAnswer takes an answer apart; body lies in b.
func ParseAnswer(b []byte) (s Status, body []byte, err error) {
	if len(b) < 2 {
		return 0, nil, ErrFormat
	}
	if b[0] != Version {
		return 0, nil, fmt.Errorf("%w: version %d, this node speaks %d", ErrFormat, b[0], Version)
	}
	return Status(b[1]), b[2:], nil
}

// Place is an entry of the primary's log that has been committed, and how many changes are in the log up to it.
type Place struct {
	Term  uint64 // in which the primary leads
	Raft  uint64 // the entry's index
	Of    uint64 // the entry's term
	Index uint64 // last change in it
}

const placeLen = 4 * 8

// Append appends p.
func (p Place) Append(b []byte) []byte {
	for _, v := range [...]uint64{p.Term, p.Raft, p.Of, p.Index} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// ParsePlace takes a place off b's beginning.
func ParsePlace(b []byte) (p Place, rest []byte, err error) {
	if len(b) < placeLen {
		return p, nil, ErrFormat
	}
	u := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return Place{Term: u(0), Raft: u(1), Of: u(2), Index: u(3)}, b[placeLen:], nil
}

// Result is what became of one command.
type Result struct {
	Code  byte // the journal's; 0 is success
	Index uint64
	Bytes []byte // answer, or an error's text
}

const resultLen = 1 + 8 + 4

// AppendResults appends what became of commands.
func AppendResults(b []byte, rs []Result) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(rs)))
	for _, r := range rs {
		b = binary.LittleEndian.AppendUint64(append(b, r.Code), r.Index)
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(r.Bytes))), r.Bytes...)
	}
	return b
}

// ParseResults reads them again; their bytes lie in b.
func ParseResults(b []byte) ([]Result, error) {
	if len(b) < 4 {
		return nil, ErrFormat
	}
	n := int(binary.LittleEndian.Uint32(b))
	b = b[4:]
	if n > len(b)/resultLen {
		return nil, ErrFormat
	}
	rs := make([]Result, 0, n)
	for range n {
		if len(b) < resultLen {
			return nil, ErrFormat
		}
		size := int(binary.LittleEndian.Uint32(b[9:]))
		if size > len(b)-resultLen {
			return nil, ErrFormat
		}
		end := resultLen + size
		rs = append(rs, Result{Code: b[0], Index: binary.LittleEndian.Uint64(b[1:]), Bytes: b[resultLen:end:end]})
		b = b[end:]
	}
	if len(b) != 0 {
		return nil, ErrFormat
	}
	return rs, nil
}

// NodeState is what a node is to the journal.
type NodeState byte

// What a node is.
const (
	Fresh    NodeState = iota // it has no history
	Member                    // it takes part
	Leaving                   // it closes
	Founding                  // it begins the history that it names: nobody else has a part of that yet
)

// Meta is what a node announces: | v=1 | state | cluster 16 |.
type Meta struct {
	State   NodeState
	Cluster [16]byte
}

// Append appends m.
func (m Meta) Append(b []byte) []byte {
	return append(append(b, Version, byte(m.State)), m.Cluster[:]...)
}

// ParseMeta reads what a node announced.
func ParseMeta(b []byte) (Meta, error) {
	if len(b) < HeadLen || b[0] != Version {
		return Meta{}, ErrFormat
	}
	return Meta{State: NodeState(b[1]), Cluster: [16]byte(b[2:])}, nil
}

// Replica is the answer to State: a Meta, then its numbers in their order, u64 each.
type Replica struct {
	Meta
	LastTerm   uint64 // of its log's last entry
	Last       uint64 // raft index of that
	Index      uint64 // last change applied
	First      uint64 // raft index of its log's first entry, 0 for none
	Checkpoint uint64 // raft index of its newest checkpoint, 0 for none
}

const replicaLen = HeadLen + 5*8

// Append appends r.
func (r Replica) Append(b []byte) []byte {
	b = r.Meta.Append(b)
	for _, v := range [...]uint64{r.LastTerm, r.Last, r.Index, r.First, r.Checkpoint} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// ParseReplica reads it.
func ParseReplica(b []byte) (Replica, error) {
	m, err := ParseMeta(b)
	if err != nil || len(b) < replicaLen {
		return Replica{}, ErrFormat
	}
	u := func(i int) uint64 { return binary.LittleEndian.Uint64(b[HeadLen+8*i:]) }
	return Replica{Meta: m, LastTerm: u(0), Last: u(1), Index: u(2), First: u(3), Checkpoint: u(4)}, nil
}
