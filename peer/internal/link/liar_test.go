package link_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/peer/internal/link"
)

// changed returns a copy of b with one byte changed.
func changed(b []byte, at int) []byte {
	b = append([]byte(nil), b...)
	b[at] ^= 0x20
	return b
}

// A node that is let in and then breaks the framing loses the connection, with an event that says why; others are served.
func TestServerShutsOutBadFrames(t *testing.T) {
	read := link.ReadFrame(1, 0, link.BlockRequest{Length: 10, Hint: []byte("hint")})
	call := link.CallFrame(1, 0, xxhash.Sum64([]byte("body")), "m", []byte("body"))
	endless := func(kind byte, meta uint16, body uint32) []byte {
		b := make([]byte, link.HeadLen+int(meta))
		b[0] = kind
		binary.BigEndian.PutUint16(b[2:], meta)
		binary.BigEndian.PutUint32(b[4:], body)
		return link.Seal(b, int(meta))
	}
	var many []byte
	for i := range link.Requests + 1 {
		many = append(many, link.ReadFrame(uint64(i+1), 0, link.BlockRequest{Length: 10})...)
	}
	for _, c := range []struct {
		name   string
		frames []byte
		hangUp bool // the end of the connection is what is bad
		text   string
	}{
		{"unknown kind", endless(99, 0, 0), false, "unknown kind 99"},
		{"kind of a server", link.EndFrame(1, 0, nil), false, "kind 7 comes from a client"},
		{"flags", link.Seal(append([]byte{2, 1}, read[2:]...), len(read)-link.HeadLen), false, "flags 1"},
		{"read with a body", endless(2, 40, 1), false, "kind 2 of 40 and 1 bytes"},
		{"call too long", endless(1, 13, link.MaxCall+1), false, "kind 1 of 13 and"},
		{"meta too long", endless(3, 1, 0), false, "kind 3 of 1"},
		{"changed head", changed(read, 9), false, "check"},
		{"changed meta", changed(read, link.HeadLen+5), false, "check"},
		{"changed body", changed(call, len(call)-1), false, "came changed"},
		{"meta cut short", link.Seal(endless(2, 30, 0), 30), false, "truncated"},
		{"meta with more", link.Seal(append(endless(2, 60, 0), 0), 60), false, "too many"},
		{"negative range", link.ReadFrame(1, 0, link.BlockRequest{Off: -1, Length: 10}), false, "read of 10 bytes at -1"},
		{"out of order", append(link.ReadFrame(2, 0, link.BlockRequest{Length: 1}), read...), false, "request 1 after request 2"},
		{"more than the credit", many, false, "more than 64 requests"},
		{"truncated head", read[:10], true, "truncated"},
		{"truncated meta", read[:link.HeadLen+3], true, "truncated"},
		{"truncated body", call[:len(call)-2], true, "truncated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMesh(t)
			var there recorder
			a := m.add("a", &handler{}, nil)
			wait := func(ctx context.Context, _ string, _ *link.BlockRequest, _ *link.BlockWriter) error {
				<-ctx.Done()
				return ctx.Err()
			}
			b := m.add("b", &handler{block: wait, call: echo}, there.set)
			conn, err := a.DialFrames(t.Context(), "b")
			require.NoError(t, err)
			defer conn.Close()
			_, err = conn.Write(c.frames)
			require.NoError(t, err)
			if c.hangUp {
				require.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
			}
			closedAfter(t, conn)
			there.brokenBy(t, c.text)
			_, err = a.Call(t.Context(), "b", "echo", nil)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return b.Metrics().Serving == 0 }, 5*time.Second, time.Millisecond, "served for ever")
		})
	}
}

// liar is a node that is let in as "b" and says what script says to each request; script gets the request's head.
func (m *mesh) liar(set func(*link.Config), script func(conn net.Conn, id uint64)) {
	m.t.Helper()
	e := m.add("b", &handler{}, set)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(m.t, err)
	m.mu.Lock()
	m.addrs["b"] = l.Addr().String()
	m.mu.Unlock()
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	m.t.Cleanup(func() { stop(); l.Close(); running.Wait() })
	running.Go(func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { raw.Close() })
			running.Go(func() {
				defer raw.Close()
				if conn, err := e.Admit(raw); err == nil {
					answerAll(conn, script)
				}
			})
		}
	})
}

func answerAll(conn net.Conn, script func(net.Conn, uint64)) {
	head := make([]byte, link.HeadLen)
	for {
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		body := int64(binary.BigEndian.Uint16(head[2:])) + int64(binary.BigEndian.Uint32(head[4:]))
		if _, err := io.CopyN(io.Discard, conn, body); err != nil {
			return
		}
		if id := binary.BigEndian.Uint64(head[8:]); head[0] != 3 {
			script(conn, id)
		}
	}
}

func TestClientShutsOutBadFrames(t *testing.T) {
	b := random(100)
	sums := []uint64{piece.Sum(b)}
	for _, c := range []struct {
		name string
		say  func(id uint64) []byte
		text string
	}{
		{"unknown kind", func(id uint64) []byte { return link.Seal(append([]byte{0}, link.CancelFrame(id)[1:]...), 0) }, "unknown kind 0"},
		{"kind of a client", func(id uint64) []byte { return link.CancelFrame(id) }, "kind 3 comes from a server"},
		{"bytes nobody asked for", func(id uint64) []byte { return link.DataFrame(id+1, 0, sums, b) }, "which was not made"},
		{"answer nobody asked for", func(id uint64) []byte { return link.AnswerFrame(id+1, xxhash.Sum64(b), b) }, "which was not made"},
		{"error nobody asked for", func(id uint64) []byte { return link.ErrorFrame(id+1, link.ErrMissing, false) }, "which was not made"},
		{"answer of a read", func(id uint64) []byte { return link.AnswerFrame(id, xxhash.Sum64(b), b) }, "which was not made"},
		{"a hole", func(id uint64) []byte { return link.DataFrame(id, 50, sums, b) }, "100 bytes at 50, after 0 of 1000"},
		{"twice", func(id uint64) []byte {
			f := link.DataFrame(id, 0, sums, b)
			return append(f, f...)
		}, "100 bytes at 0, after 100 of 1000"},
		{"too much", func(id uint64) []byte {
			b := random(1001)
			return link.DataFrame(id, 0, []uint64{piece.Sum(b)}, b)
		}, "1001 bytes at 0, after 0 of 1000"},
		{"nothing", func(id uint64) []byte { return link.DataFrame(id, 0, nil, nil) }, "0 bytes at 0"},
		{"sums missing", func(id uint64) []byte { return link.DataFrame(id, 0, nil, b) }, "0 sums for 100 bytes"},
		{"sums too many", func(id uint64) []byte { return link.DataFrame(id, 0, []uint64{1, 2}, b) }, "2 sums for 100 bytes"},
		{"early end", func(id uint64) []byte { return link.EndFrame(id, 1000, nil) }, "the end at 1000 of 1000 bytes, after 0"},
		{"unknown failure", func(id uint64) []byte {
			f := link.ErrorFrame(id, link.ErrMissing, false)
			f[link.HeadLen] = 77
			return link.Seal(f, len(f)-link.HeadLen)
		}, "unknown failure 77"},
		{"changed head", func(id uint64) []byte { return changed(link.DataFrame(id, 0, sums, b), 15) }, "check"},
		{"truncated", func(id uint64) []byte { return link.DataFrame(id, 0, sums, b)[:60] }, "truncated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMesh(t)
			var here recorder
			a := m.add("a", &handler{}, here.set)
			m.liar(nil, func(conn net.Conn, id uint64) {
				conn.Write(c.say(id))
				if c.name == "truncated" {
					conn.Close()
				}
			})
			dst := make([]byte, 1000)
			_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: 1000}, [][]byte{dst}, nil)
			require.ErrorIs(t, err, link.ErrUnreachable)
			here.brokenBy(t, c.text)
		})
	}
}

// A bit that flips in a block's bytes is that block's trouble alone: the reader is told, and the connection goes on.
func TestFlippedBitInABlock(t *testing.T) {
	m := newMesh(t)
	var here recorder
	a := m.add("a", &handler{}, here.set)
	block := random(200 << 10)
	sums := []uint64{piece.Sum(block[:64<<10]), piece.Sum(block[64<<10 : 128<<10]), piece.Sum(block[128<<10 : 192<<10]), piece.Sum(block[192<<10:])}
	bad := changed(block, 130<<10)
	var flip atomic.Bool
	flip.Store(true)
	m.liar(nil, func(conn net.Conn, id uint64) {
		say := block
		if flip.Load() {
			say = bad
		}
		conn.Write(link.DataFrame(id, 0, sums, say))
		conn.Write(link.EndFrame(id, int64(len(block)), []string{"c", "d"}))
	})
	dst := make([]byte, len(block))
	var arrived int64
	r := link.BlockRequest{Key: link.Key{7}, Length: int64(len(block))}
	_, err := a.ReadBlock(t.Context(), "b", r, [][]byte{dst}, func(n int64) { arrived = n })
	require.ErrorIs(t, err, link.ErrChecksum)
	require.EqualValues(t, 128<<10, arrived, "what is told of is what matches")
	here.see(t, "one event", func() bool { return len(here.corrupt) == 1 })
	require.Equal(t, link.CorruptInfo{ID: "b", Addr: here.corrupt[0].Addr, Key: link.Key{7}, Off: 128 << 10}, here.corrupt[0])

	flip.Store(false)
	holders, err := a.ReadBlock(t.Context(), "b", r, [][]byte{dst}, nil)
	require.NoError(t, err)
	require.Equal(t, block, dst)
	require.Equal(t, []string{"c", "d"}, holders)
	here.see(t, "the connection goes on", func() bool { return here.begun == 1 && here.ended == 0 && len(here.broken) == 0 })
}

// A request is over with its first answer.
func TestAnsweredTwice(t *testing.T) {
	m := newMesh(t)
	var here recorder
	a := m.add("a", &handler{}, here.set)
	b := []byte("answer")
	m.liar(nil, func(conn net.Conn, id uint64) {
		conn.Write(link.AnswerFrame(id, xxhash.Sum64(b), b))
		conn.Write(link.AnswerFrame(id, xxhash.Sum64(b), b))
	})
	got, err := a.Call(t.Context(), "b", "m", nil)
	require.NoError(t, err)
	require.Equal(t, b, got)
	here.brokenBy(t, "which was not made")
}
