package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// protocol is the first byte of a connection: what it is for.
type protocol byte

const (
	protoGossip protocol = 'G'
	protoFrames protocol = 'F'
	protoStream protocol = 'S'
)

// The versions of the wire that this build speaks. The first byte that means something else makes a new one; a mesh of
// two builds works while their ranges meet.
const (
	newestVersion = 2
	oldestVersion = 2
)

// How a side secures connections: both have to have the same.
const (
	securedBySecret = 1 << iota
	securedByTLS
	securedByDerived // TLS by keys from the secret
)

const (
	prefaceLen   = 8
	challengeLen = 8 + nonceLen
	nonceLen     = 32
	macLen       = 32
	maxHello     = 2 << 10
	maxDetail    = 512
)

var (
	prefaceMagic   = []byte("mlp")
	challengeMagic = []byte("mlpd")
)

// side is what each side of a connection says in the clear before anything else.
type side struct {
	newest, oldest byte
	secured        byte
}

// preface is the client's first message.
type preface struct {
	proto protocol
	side
}

func (p preface) encode() []byte {
	b := append([]byte{byte(p.proto)}, prefaceMagic...)
	return append(b, p.newest, p.oldest, p.secured, 0)
}

func parsePreface(b []byte) (p preface, err error) {
	if len(b) != prefaceLen || !bytes.Equal(b[1:4], prefaceMagic) {
		return p, ErrNotPeer
	}
	p.proto = protocol(b[0])
	p.newest, p.oldest, p.secured = b[4], b[5], b[6]
	if p.proto != protoGossip && p.proto != protoFrames && p.proto != protoStream {
		return p, ErrNotPeer
	}
	return p, nil
}

// challenge is the server's first message.
type challenge struct {
	side
	nonce [nonceLen]byte
}

func (c *challenge) encode() []byte {
	b := append([]byte(nil), challengeMagic...)
	b = append(b, c.newest, c.oldest, c.secured, 0)
	return append(b, c.nonce[:]...)
}

func parseChallenge(b []byte) (c challenge, err error) {
	if len(b) != challengeLen || !bytes.Equal(b[:4], challengeMagic) {
		return c, ErrNotPeer
	}
	c.newest, c.oldest, c.secured = b[4], b[5], b[6]
	copy(c.nonce[:], b[8:])
	return c, nil
}

// hello is the client's second message: who it is, whom it wants, and a proof for each of its secrets.
type hello struct {
	nonce   [nonceLen]byte
	boot    [16]byte // of the process: tells two nodes with one id from a node that calls itself
	time    time.Time
	level   uint32
	id      string
	want    string // the id that is called; "": whoever answers
	cluster string
	proto   string // of a stream
}

// encode returns all but the proofs: what the proofs are of.
func (h *hello) encode() []byte {
	b := append([]byte(nil), h.nonce[:]...)
	b = append(b, h.boot[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.time.UnixNano()))
	b = binary.BigEndian.AppendUint32(b, h.level)
	for _, s := range []string{h.id, h.want, h.cluster, h.proto} {
		b = appendStr8(b, s)
	}
	return b
}

// parseHello returns the hello, what its proofs are of, and the proofs.
func parseHello(b []byte) (h hello, proven []byte, proofs [][]byte, err error) {
	f := fields{b: b}
	copy(h.nonce[:], f.take(nonceLen))
	copy(h.boot[:], f.take(len(h.boot)))
	h.time = time.Unix(0, int64(f.u64()))
	h.level = f.u32()
	h.id, h.want, h.cluster, h.proto = f.str8(), f.str8(), f.str8(), f.str8()
	proven = b[:len(b)-len(f.b)]
	proofs = f.proofs()
	if err := f.finish(); err != nil {
		return h, nil, nil, err
	}
	return h, proven, proofs, nil
}

// answer is the server's second message: a refusal, or who it is, and a proof.
type answer struct {
	refusal byte   // 0: let in
	detail  string // of the refusal

	boot    [16]byte
	time    time.Time
	level   uint32
	credit  credit
	id      string
	cluster string
}

func (a *answer) encode() []byte {
	b := []byte{a.refusal}
	if a.refusal != 0 {
		return append(b, a.detail[:min(len(a.detail), maxDetail)]...)
	}
	b = append(b, a.boot[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(a.time.UnixNano()))
	b = binary.BigEndian.AppendUint32(b, a.level)
	b = binary.BigEndian.AppendUint32(b, uint32(a.credit.requests))
	b = binary.BigEndian.AppendUint32(b, uint32(a.credit.calls))
	return appendStr8(appendStr8(b, a.id), a.cluster)
}

func parseAnswerHello(b []byte) (a answer, proven []byte, proofs [][]byte, err error) {
	f := fields{b: b}
	if a.refusal = f.u8(); a.refusal != 0 {
		a.detail = string(f.rest())
		return a, nil, nil, f.finish()
	}
	copy(a.boot[:], f.take(len(a.boot)))
	a.time = time.Unix(0, int64(f.u64()))
	a.level = f.u32()
	a.credit = credit{requests: int(f.u32()), calls: int(f.u32())}
	if f.err == nil && (a.credit.requests < 1 || a.credit.calls < MaxCall) {
		f.err = badFrame("a credit of %d requests and %d bytes: want at least one of %d", a.credit.requests, a.credit.calls, MaxCall)
	}
	a.id, a.cluster = f.str8(), f.str8()
	proven = b[:len(b)-len(f.b)]
	proofs = f.proofs()
	if err := f.finish(); err != nil {
		return a, nil, nil, err
	}
	return a, proven, proofs, nil
}

// proofs are the rest of both second messages.
func (f *fields) proofs() (all [][]byte) {
	n := int(f.u8())
	if n > MaxSecrets {
		f.err = badFrame("%d proofs: want at most %d", n, MaxSecrets)
		return nil
	}
	for range n {
		all = append(all, f.take(macLen))
	}
	return all
}

func appendProofs(b []byte, proofs ...[]byte) []byte {
	b = append(b, byte(len(proofs)))
	for _, p := range proofs {
		b = append(b, p...)
	}
	return b
}

// writeLong writes a message with its length in front.
func writeLong(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	return err
}

// readLong reads a message that writeLong wrote.
func readLong(r io.Reader) ([]byte, error) {
	var n [2]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint16(n[:])
	if size > maxHello {
		return nil, badFrame("%d bytes of hello: want at most %d", size, maxHello)
	}
	b := make([]byte, size)
	_, err := io.ReadFull(r, b)
	return b, err
}

// refusals number the reasons on the wire.
var refusals = []error{1: ErrSecret, 2: ErrCluster, 3: ErrVersion, 4: ErrClock, 5: ErrIdentity, 6: ErrSameID, 7: ErrSelf, 8: ErrSecurity, 9: ErrCrowded}

func refusalNumber(reason error) byte {
	for i, r := range refusals {
		if r != nil && errors.Is(reason, r) {
			return byte(i)
		}
	}
	return 0
}
