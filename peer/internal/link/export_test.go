package link

import (
	"context"
	"io"
	"net"
	"time"
)

// What tests of strangers and liars need: a connection that is let in, and frames that nobody would send.

// DialFrames returns a frame connection to node id after its handshake.
func (e *Endpoint) DialFrames(ctx context.Context, id string) (net.Conn, error) {
	a, err := e.dial(ctx, id, protoFrames, "")
	if err != nil {
		return nil, err
	}
	return a.conn, nil
}

// Admit does the server's part of the handshake.
func (e *Endpoint) Admit(conn net.Conn) (net.Conn, error) {
	a, err := e.answerCall(conn)
	if err != nil {
		return nil, err
	}
	return a.conn, nil
}

// Impostor lets a caller in as node id of the cluster, as a node with a secret would, but proves it with a made-up proof.
func Impostor(conn net.Conn, id, cluster string) error {
	if _, err := io.ReadFull(conn, make([]byte, prefaceLen)); err != nil {
		return err
	}
	ch := challenge{side: side{newest: newestVersion, oldest: oldestVersion, secured: securedBySecret}}
	if _, err := conn.Write(ch.encode()); err != nil {
		return err
	}
	if _, err := readLong(conn); err != nil {
		return err
	}
	a := answer{time: time.Now(), credit: ourCredit, id: id, cluster: cluster}
	return writeLong(conn, appendProofs(a.encode(), make([]byte, macLen)))
}

const (
	HeadLen    = headLen
	Requests   = 64
	SmallFrame = smallFrame

	LaneCalls = laneCalls
	LaneReads = laneReads
	LaneBulk  = laneBulk
)

func CallFrame(id uint64, timeout time.Duration, sum uint64, method string, body []byte) []byte {
	return append(appendCall(nil, id, callMeta{timeout: timeout, sum: sum, method: method}, len(body)), body...)
}

func ReadFrame(id uint64, timeout time.Duration, r BlockRequest) []byte {
	return appendRead(nil, id, readMeta{timeout: timeout, req: r})
}

func CancelFrame(id uint64) []byte { return appendCancel(nil, id) }

func AnswerFrame(id, sum uint64, body []byte) []byte {
	return append(appendAnswer(nil, id, sum, len(body)), body...)
}

func ErrorFrame(id uint64, err error, timed bool) []byte { return appendError(nil, id, err, timed) }

func DataFrame(id uint64, off int64, sums []uint64, body []byte) []byte {
	return append(appendData(nil, id, off, sums, len(body)), body...)
}

func EndFrame(id uint64, total int64, holders []string) []byte {
	return appendEnd(nil, id, total, holders)
}

// Seal makes a frame's check right again.
func Seal(frame []byte, meta int) []byte {
	f := append([]byte(nil), frame[:headLen+meta]...)
	sum := headSum(f, f[headLen:])
	for i := range 8 {
		f[16+i] = byte(sum >> (56 - 8*i))
	}
	return append(f, frame[headLen+meta:]...)
}

// Fields of messages, for goldens and fuzzing.

// Hellos returns one of each message of the handshake, with fixed contents.
func Hellos() map[string][]byte {
	s := side{newest: newestVersion, oldest: oldestVersion, secured: securedBySecret}
	c := challenge{side: s, nonce: [nonceLen]byte{1, 2, 3}}
	h := hello{nonce: [nonceLen]byte{4, 5}, boot: [16]byte{6}, time: time.Unix(1_800_000_000, 5), level: 3, id: "a", want: "b", cluster: "c", proto: "raft"}
	a := answer{boot: [16]byte{7}, time: time.Unix(1_800_000_001, 6), level: 4, credit: ourCredit, id: "b", cluster: "c"}
	r := answer{refusal: refusalNumber(ErrClock), detail: "node a is late"}
	keys, _ := deriveSecrets([]string{"secret"})
	t := &transcript{}
	t.add([]byte("said"))
	return map[string][]byte{
		"preface":   preface{proto: protoFrames, side: s}.encode(),
		"challenge": c.encode(),
		"hello":     appendProofs(h.encode(), proofs(keys, roleClient, t)...),
		"answer":    appendProofs(a.encode(), proofs(keys, roleServer, t)...),
		"refusal":   r.encode(),
	}
}

// Decode decodes a message of the handshake, and returns it encoded again, without its proofs.
func Decode(name string, b []byte) ([]byte, error) {
	switch name {
	case "preface":
		p, err := parsePreface(b)
		return p.encode(), err
	case "challenge":
		c, err := parseChallenge(b)
		return c.encode(), err
	case "hello":
		h, _, _, err := parseHello(b)
		if err != nil {
			return nil, err
		}
		return h.encode(), nil
	}
	a, _, _, err := parseAnswerHello(b)
	if err != nil {
		return nil, err
	}
	return a.encode(), nil
}

// DecodeFrame decodes a frame, and returns it encoded again, without its body.
func DecodeFrame(b []byte) ([]byte, error) {
	s := &source{conn: &replay{b: b}}
	h, meta, err := s.next()
	if err != nil {
		return nil, err
	}
	switch h.kind {
	case kindCall:
		m, err := parseCall(meta)
		return appendCall(nil, h.id, m, h.body), err
	case kindRead:
		m, err := parseRead(meta)
		return appendRead(nil, h.id, m), err
	case kindCancel:
		return appendCancel(nil, h.id), nil
	case kindAnswer:
		sum, err := parseAnswer(meta)
		return appendAnswer(nil, h.id, sum, h.body), err
	case kindError:
		if _, err := parseError(meta); err != nil {
			return nil, err
		}
		return b, nil
	case kindData:
		m, err := parseData(meta)
		var sums []uint64
		for i := range m.n {
			sums = append(sums, m.sum(i))
		}
		return appendData(nil, h.id, m.off, sums, h.body), err
	}
	total, holders, err := parseEnd(meta)
	return appendEnd(nil, h.id, total, holders), err
}

// ReadBodies reads frames from conn until its end, and returns their bodies, and whether the buffer was the wide one after each.
func ReadBodies(conn net.Conn) (bodies [][]byte, wide []bool, err error) {
	s := &source{conn: conn}
	for {
		h, _, err := s.next()
		if err != nil {
			return bodies, wide, err
		}
		body := make([]byte, h.body)
		if _, err := io.ReadFull(s, body); err != nil {
			return bodies, wide, err
		}
		bodies, wide = append(bodies, body), append(wide, s.wide != nil)
	}
}

// replay is a connection that says b.
type replay struct {
	net.Conn
	b []byte
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}

// Parked reports whether the reader goroutine of a connection to node id is, and nobody else reads.
func (e *Endpoint) Parked(id string, l lane) bool {
	p, err := e.pool(id)
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.mu.lanes[l].list {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.mu.turn == nobodys {
			return true
		}
	}
	return false
}
