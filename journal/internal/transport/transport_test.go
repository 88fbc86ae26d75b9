package transport_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/journal/internal/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two transports that dial each other; what the second one says about streams is in refused.
func pair(t *testing.T) (a, b *transport.Transport, refused chan error) {
	refused = make(chan error, 8)
	other := func(_ transport.Kind, conn net.Conn) { _ = conn.Close() }
	a = transport.New("a", func(context.Context, string) (net.Conn, error) {
		mine, theirs := net.Pipe()
		go func() { refused <- b.Serve("a", theirs, other) }()
		return mine, nil
	}, hclog.NewNullLogger())
	b = transport.New("b", nil, hclog.NewNullLogger())
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b, refused
}

func TestOtherHistoryIsRefusedOnBothSides(t *testing.T) {
	a, b, refused := pair(t)
	x, y := transport.Cluster{1}, transport.Cluster{2}
	a.Join(x)
	b.Join(y)
	var got *transport.ClusterError
	_, err := a.Open(t.Context(), "b", transport.KindCheckpoint)
	require.ErrorAs(t, err, &got)
	require.Equal(t, transport.ClusterError{Node: "b", Ours: x, Theirs: y}, *got)
	require.ErrorContains(t, err, x.String())
	require.ErrorContains(t, err, y.String())
	require.ErrorAs(t, <-refused, &got)
	require.Equal(t, transport.ClusterError{Node: "a", Ours: y, Theirs: x}, *got)
}

// TestAnotherNameEndsStreams: a node that was given another name hears nothing more by way of streams that it had before: who keeps the old
// one may lead under it.
func TestAnotherNameEndsStreams(t *testing.T) {
	for _, renamed := range []int{0, 1} {
		a, b, _ := pair(t)
		a.Join(transport.Cluster{1})
		b.Join(transport.Cluster{1})
		ask := func() error {
			go func() {
				select {
				case rpc := <-b.Consumer():
					rpc.Respond(&raft.RequestVoteResponse{Granted: true}, nil)
				case <-t.Context().Done():
				}
			}()
			return a.RequestVote("b", "b", &raft.RequestVoteRequest{}, new(raft.RequestVoteResponse))
		}
		require.NoError(t, ask())
		require.NoError(t, ask())
		[]*transport.Transport{a, b}[renamed].Join(transport.Cluster{2})
		require.Error(t, ask())
	}
}

// TestStreamThatBeginsUnderAnotherName: the name changes between a hello and its answer.
func TestStreamThatBeginsUnderAnotherName(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		_, b, _ := pair(t)
		b.Join(transport.Cluster{1})
		mine, theirs := net.Pipe()
		t.Cleanup(func() { _ = mine.Close() })
		go func() { _ = b.Serve("x", theirs, nil) }()
		_, err := mine.Write(append([]byte("MPJS\x01\x01\x01"), make([]byte, 15)...))
		require.NoError(t, err)
		b.Join(transport.Cluster{2})
		_, err = io.ReadFull(mine, make([]byte, 17))
		require.NoError(t, err)
		require.NoError(t, mine.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err = mine.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}

// TestStopEndsWhatIsSent: also a checkpoint that is sent to a node which does not take it.
func TestStopEndsWhatIsSent(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		_, b, _ := pair(t)
		b.Join(transport.Cluster{1})
		mine, theirs := net.Pipe()
		t.Cleanup(func() { _ = mine.Close() })
		sends, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			_ = b.Serve("x", theirs, func(_ transport.Kind, conn net.Conn) {
				close(sends)
				_, err := conn.Write([]byte("a checkpoint"))
				ended <- err
			})
		}()
		hello := append([]byte("MPJS\x01\x02\x01"), make([]byte, 15)...)
		_, err := mine.Write(hello)
		require.NoError(t, err)
		_, err = io.ReadFull(mine, make([]byte, 17))
		require.NoError(t, err)
		<-sends
		b.Stop()
		select {
		case err := <-ended:
			require.ErrorIs(t, err, io.ErrClosedPipe)
		case <-time.After(time.Minute):
			t.Fatal("it is sent on")
		}
	})
}

func TestNodeThatTakesNoPartIsNotReady(t *testing.T) {
	a, _, refused := pair(t)
	_, err := a.Open(t.Context(), "b", transport.KindCheckpoint)
	require.ErrorIs(t, err, transport.ErrNotReady)
	a.Join(transport.Cluster{1})
	_, err = a.Open(t.Context(), "b", transport.KindCheckpoint)
	require.ErrorIs(t, err, transport.ErrNotReady)
	require.ErrorIs(t, <-refused, transport.ErrNotReady)
}

func TestStrangersAreTurnedAway(t *testing.T) {
	_, b, _ := pair(t)
	b.Join(transport.Cluster{1})
	for name, hello := range map[string]string{
		"other protocol": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"other version":  "MPJS\x09\x01" + string(make([]byte, 16)),
	} {
		mine, theirs := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- b.Serve("x", theirs, nil) }()
		go func() { _, _ = mine.Write([]byte(hello)); _, _ = mine.Read(make([]byte, 99)) }()
		require.Error(t, <-done, name)
		_, err := theirs.Write([]byte{1})
		require.ErrorIs(t, err, io.ErrClosedPipe, name)
		_ = mine.Close()
	}
}

// FuzzHello: whatever a stream begins with, it is taken for one of the journal if it is the hello of this version and history alone.
func FuzzHello(f *testing.F) {
	history := transport.Cluster{1, 2, 3}
	good := append([]byte("MPJS\x01\x02"), history[:]...)
	f.Add(good)
	f.Add(good[:9])
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Add(append([]byte("MPJX\x01\x02"), history[:]...))
	f.Add(append([]byte("MPJS\x02\x02"), history[:]...))
	f.Add(append([]byte("MPJS\x01\x02"), make([]byte, 16)...))
	f.Fuzz(func(t *testing.T, hello []byte) {
		b := transport.New("b", nil, hclog.NewNullLogger())
		defer b.Close()
		b.Join(history)
		mine, theirs := net.Pipe()
		var other sync.WaitGroup
		other.Go(func() {
			if n, _ := mine.Write(hello); n < len(good) { // nothing more comes
				_ = mine.Close()
			}
		})
		other.Go(func() { _, _ = io.Copy(io.Discard, mine) })
		taken := false
		err := b.Serve("x", theirs, func(transport.Kind, net.Conn) { taken = true })
		_ = theirs.Close()
		_ = mine.Close()
		other.Wait()
		want := len(hello) >= len(good) && bytes.Equal(hello[:5], good[:5]) && bytes.Equal(hello[6:len(good)], good[6:])
		if !want {
			require.Error(t, err)
		}
		require.Equal(t, want && err == nil && transport.Kind(hello[5]) != transport.KindRaft, taken, "%v", err)
	})
}

func TestRaftCallsPass(t *testing.T) {
	a, b, _ := pair(t)
	a.Join(transport.Cluster{1})
	b.Join(transport.Cluster{1})
	go func() {
		rpc := <-b.Consumer()
		rpc.Respond(&raft.RequestVoteResponse{Term: rpc.Command.(*raft.RequestVoteRequest).Term, Granted: true}, nil)
	}()
	var resp raft.RequestVoteResponse
	require.NoError(t, a.RequestVote("b", "b", &raft.RequestVoteRequest{Term: 7}, &resp))
	require.True(t, resp.Granted)
	require.EqualValues(t, 7, resp.Term)
}

func TestStopEndsCallsThatWait(t *testing.T) {
	a, b, _ := pair(t)
	a.Join(transport.Cluster{1})
	b.Join(transport.Cluster{1})
	done := make(chan error, 1)
	go func() {
		var resp raft.RequestVoteResponse
		done <- a.RequestVote("b", "b", &raft.RequestVoteRequest{}, &resp) // nobody answers
	}()
	<-b.Consumer()
	began := time.Now()
	a.Stop()
	require.Error(t, <-done)
	require.Less(t, time.Since(began), transport.Timeout/2)
}

func TestCommitDoesNotWaitForRaft(t *testing.T) {
	a, _, _ := pair(t)
	told := make(chan struct{})
	go func() {
		defer close(told)
		for range 3 { // nobody consumes
			a.Commit(transport.Committed{Primary: "b", Term: 1, Index: 1, Of: 1})
		}
	}()
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for a raft that has ended")
	}
}
