package transfer_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/journal/internal/transfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a connection whose other side is a buffer.
type wire struct {
	net.Conn
	bytes.Buffer
}

func (w *wire) Read(p []byte) (int, error)  { return w.Buffer.Read(p) }
func (w *wire) Write(p []byte) (int, error) { return w.Buffer.Write(p) }
func (w *wire) SetDeadline(time.Time) error { return nil }

var meta = raft.SnapshotMeta{Index: 7, Term: 3, ConfigurationIndex: 2, Configuration: raft.Configuration{
	Servers: []raft.Server{{ID: "n", Address: "n"}},
}}

func sent(t testing.TB, n int) *wire {
	w := &wire{}
	require.NoError(t, transfer.Send(w, &meta, bytes.NewReader(bytes.Repeat([]byte{'x'}, n))))
	return w
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 256 << 10, 256<<10 + 1, 1 << 20} {
		w := sent(t, n)
		m, err := transfer.Receive(w)
		require.NoError(t, err)
		require.Equal(t, meta, m)
		var got bytes.Buffer
		size, err := transfer.ReceiveTo(&got, w)
		require.NoError(t, err)
		require.EqualValues(t, n, size)
		require.Equal(t, bytes.Repeat([]byte{'x'}, n), append([]byte{}, got.Bytes()...))
		require.Zero(t, w.Len())
	}
}

func TestNone(t *testing.T) {
	w := &wire{}
	require.NoError(t, transfer.Send(w, nil, nil))
	_, err := transfer.Receive(w)
	require.ErrorIs(t, err, transfer.ErrNone)
}

func TestWhatIsCutOrFlippedIsNoCheckpoint(t *testing.T) {
	whole := bytes.Clone(sent(t, 1000).Bytes())
	head := len(whole) - 1000 - 16
	for cut := head; cut < len(whole); cut += 37 {
		w := &wire{Buffer: *bytes.NewBuffer(bytes.Clone(whole[:cut]))}
		_, err := transfer.Receive(w)
		require.NoError(t, err)
		_, err = transfer.ReceiveTo(io.Discard, w)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at %d", cut)
	}
	for at := head; at < len(whole)-8; at += 29 {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 4
		w := &wire{Buffer: *bytes.NewBuffer(flipped)}
		_, err := transfer.Receive(w)
		require.NoError(t, err)
		_, err = transfer.ReceiveTo(io.Discard, w)
		require.Error(t, err, "flipped at %d", at)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add(sent(f, 10).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		w := &wire{Buffer: *bytes.NewBuffer(b)}
		if _, err := transfer.Receive(w); err == nil {
			n, err := transfer.ReceiveTo(io.Discard, w)
			require.LessOrEqual(t, n, int64(len(b)))
			_ = err
		}
	})
}
