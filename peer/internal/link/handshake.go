package link

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// MaxSkew is how far the clocks of two nodes may be apart: leases and times to live are compared across nodes.
const MaxSkew = 5 * time.Minute

// Peer is the other side of a connection.
type Peer struct {
	ID    string
	Addr  string // as this node sees it
	Level uint32
}

// admitted is a connection whose handshake is over.
type admitted struct {
	conn   net.Conn
	peer   Peer
	proto  protocol
	stream string // the protocol of a stream
	credit credit // what the server takes
}

// secured is how this node secures connections.
func (e *Endpoint) secured() (f byte) {
	if e.trust.Load().any() {
		f |= securedBySecret
	}
	if e.cfg.TLS != nil {
		f |= securedByTLS
	}
	if e.cfg.Encrypt {
		f |= securedByTLS | securedByDerived
	}
	return f
}

func (e *Endpoint) side() side {
	return side{newest: e.cfg.Newest, oldest: e.cfg.Oldest, secured: e.secured()}
}

// compare says why two sides cannot talk, both the same.
func (s side) compare(other side) error {
	if s.newest < other.oldest || other.newest < s.oldest {
		return &RefusedError{Reason: ErrVersion, Detail: fmt.Sprintf("here %d to %d, there %d to %d", s.oldest, s.newest, other.oldest, other.newest)}
	}
	if s.secured != other.secured {
		return &RefusedError{Reason: ErrSecurity, Detail: fmt.Sprintf("here %s, there %s", security(s.secured), security(other.secured))}
	}
	return nil
}

func security(f byte) string {
	switch f {
	case 0:
		return "nothing"
	case securedBySecret:
		return "a secret"
	case securedBySecret | securedByTLS:
		return "a secret and certificates"
	case securedByTLS:
		return "certificates"
	case securedBySecret | securedByTLS | securedByDerived:
		return "a secret that encrypts"
	}
	return fmt.Sprintf("flags %#x", f)
}

// call does the client's part: want is the id that is called, "" for whoever answers.
func (e *Endpoint) call(conn net.Conn, addr, want string, proto protocol, stream string) (*admitted, error) {
	first := preface{proto: proto, side: e.side()}.encode()
	if _, err := conn.Write(first); err != nil {
		return nil, err
	}
	second := make([]byte, challengeLen)
	if _, err := io.ReadFull(conn, second); err != nil {
		return nil, notPeer(err)
	}
	ch, err := parseChallenge(second)
	if err == nil {
		err = e.side().compare(ch.side)
	}
	if err != nil {
		return nil, err
	}
	t := &transcript{}
	t.add(first)
	t.add(second)
	conn, err = e.secureClient(conn, addr, t)
	if err != nil {
		return nil, err
	}
	h := hello{boot: e.boot, time: e.cfg.Now(), level: e.cfg.Level, id: e.cfg.ID, want: want, cluster: e.cfg.Cluster, proto: stream}
	rand.Read(h.nonce[:])
	said := h.encode()
	t.add(said)
	if err := writeLong(conn, appendProofs(said, proofs(e.trust.Load().secrets, roleClient, t)...)); err != nil {
		return nil, err
	}
	a, err := e.readAnswer(conn, t, want)
	if err != nil {
		return nil, err
	}
	return &admitted{conn: conn, peer: Peer{ID: a.id, Level: a.level}, proto: proto, stream: stream, credit: a.credit}, nil
}

// readAnswer reads and verifies what the server answers.
func (e *Endpoint) readAnswer(conn net.Conn, t *transcript, want string) (a answer, err error) {
	b, err := readLong(conn)
	if err != nil {
		return a, err
	}
	a, proven, given, err := parseAnswerHello(b)
	if err != nil {
		return a, err
	}
	if a.refusal != 0 {
		if int(a.refusal) >= len(refusals) {
			return a, badFrame("refusal %d", a.refusal)
		}
		return a, &RefusedError{Remote: true, Reason: refusals[a.refusal], Detail: a.detail}
	}
	t.add(proven)
	if mine := e.trust.Load(); mine.any() && !mine.shared(roleServer, t, given) {
		return a, &RefusedError{Reason: ErrSecret}
	}
	return a, e.check(identity{a.id, a.boot, a.cluster, a.time}, want)
}

// answerCall does the server's part.
func (e *Endpoint) answerCall(conn net.Conn) (*admitted, error) {
	first := make([]byte, prefaceLen)
	if _, err := io.ReadFull(conn, first); err != nil {
		return nil, notPeer(err)
	}
	p, err := parsePreface(first)
	if err != nil {
		return nil, err
	}
	ch := challenge{side: e.side()}
	rand.Read(ch.nonce[:])
	second := ch.encode()
	if _, err := conn.Write(second); err != nil {
		return nil, err
	}
	if err := e.side().compare(p.side); err != nil {
		return nil, err
	}
	t := &transcript{}
	t.add(first)
	t.add(second)
	conn, err = e.secureServer(conn, t)
	if err != nil {
		return nil, err
	}
	b, err := readLong(conn)
	if err != nil {
		return nil, notPeer(err)
	}
	h, proven, given, err := parseHello(b)
	if err != nil {
		return nil, err
	}
	t.add(proven)
	mine, err := e.judge(h, t, given)
	if err != nil {
		e.refuse(conn, err)
		return nil, withID(err, h.id)
	}
	a := answer{boot: e.boot, time: e.cfg.Now(), level: e.cfg.Level, credit: ourCredit, id: e.cfg.ID, cluster: e.cfg.Cluster}
	said := a.encode()
	t.add(said)
	if err := writeLong(conn, appendProofs(said, proofs(mine, roleServer, t)...)); err != nil {
		return nil, err
	}
	return &admitted{conn: conn, peer: Peer{ID: h.id, Level: h.level}, proto: p.proto, stream: h.proto, credit: ourCredit}, nil
}

// judge decides on a hello. It returns the secret that the two share, if secrets are asked for.
func (e *Endpoint) judge(h hello, t *transcript, given [][]byte) ([]secret, error) {
	var mine []secret
	if all := e.trust.Load(); all.any() { // first: nobody else is told anything
		s, ok := matching(all.secrets, roleClient, t, given)
		if !ok {
			return nil, &RefusedError{Reason: ErrSecret}
		}
		mine = []secret{s}
	}
	if h.want != "" && h.want != e.cfg.ID && h.cluster == e.cfg.Cluster {
		return nil, &RefusedError{Reason: ErrIdentity, Detail: fmt.Sprintf("node %s was called, this is node %s", h.want, e.cfg.ID)}
	}
	return mine, e.check(identity{h.id, h.boot, h.cluster, h.time}, "")
}

// refuse tells the client why.
func (e *Endpoint) refuse(conn net.Conn, err error) {
	if r, ok := errors.AsType[*RefusedError](err); ok {
		a := answer{refusal: refusalNumber(r.Reason), detail: r.Detail}
		writeLong(conn, a.encode())
	}
}

// identity is what a side says of itself.
type identity struct {
	id      string
	boot    [16]byte
	cluster string
	time    time.Time
}

// check compares the other side with this node, and with the id that was called.
func (e *Endpoint) check(o identity, want string) error {
	skew := o.time.Sub(e.cfg.Now())
	switch {
	case o.id == "" || len(o.id) > maxName || len(o.cluster) > maxName:
		return ErrNotPeer
	case o.cluster != e.cfg.Cluster:
		return &RefusedError{Reason: ErrCluster, Detail: fmt.Sprintf("node %s is of cluster %q, node %s of cluster %q", o.id, o.cluster, e.cfg.ID, e.cfg.Cluster)}
	case o.id == e.cfg.ID && o.boot == e.boot:
		return &RefusedError{Reason: ErrSelf}
	case o.id == e.cfg.ID:
		return &RefusedError{Reason: ErrSameID, Detail: fmt.Sprintf("%s: is a directory copied, or shared?", o.id)}
	case want != "" && o.id != want:
		return &RefusedError{Reason: ErrIdentity, Detail: fmt.Sprintf("node %s was called, this is node %s", want, o.id)}
	case skew > MaxSkew || skew < -MaxSkew:
		return &RefusedError{Reason: ErrClock, Detail: fmt.Sprintf("node %s is %v ahead of node %s: want at most %v", o.id, skew.Round(time.Second), e.cfg.ID, MaxSkew)}
	}
	return nil
}

// notPeer says what it means that a connection ends before it has said anything.
func notPeer(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it closed the connection", ErrNotPeer)
	}
	return err
}

func withID(err error, id string) error {
	if r, ok := errors.AsType[*RefusedError](err); ok && r.ID == "" {
		r.ID = id
	}
	return err
}
