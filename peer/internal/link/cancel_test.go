package link_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/peer/internal/link"
)

// A read whose bytes stop coming in the middle of a frame ends with its context all the same, nothing is written to its
// place after, and the connection serves others when the bytes come again.
func TestCancelWithinAFrame(t *testing.T) {
	for name, set := range map[string]func(*link.Config){"plain": plain, "encrypted": both(secrets("s"), encrypt)} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t)
			var here recorder
			a := m.add("a", &handler{}, both(set, here.set))
			block := random(64 << 10)
			frame := link.DataFrame(1, 0, []uint64{piece.Sum(block)}, block)
			resume := make(chan struct{})
			m.liar(set, func(conn net.Conn, id uint64) {
				if id == 1 {
					conn.Write(frame[:40<<10])
					<-resume
					conn.Write(frame[40<<10:])
					conn.Write(link.ErrorFrame(1, context.Canceled, false))
					return
				}
				conn.Write(link.DataFrame(id, 0, []uint64{piece.Sum(block)}, block))
				conn.Write(link.EndFrame(id, int64(len(block)), nil))
			})
			ctx, cancel := context.WithCancel(t.Context())
			dst := make([]byte, len(block))
			ended := make(chan error, 1)
			r := link.BlockRequest{Length: int64(len(dst))}
			go func() {
				_, err := a.ReadBlock(ctx, "b", r, [][]byte{dst}, func(int64) { t.Error("half a piece is told of") })
				ended <- err
			}()
			here.see(t, "no connection", func() bool { return here.begun == 1 })
			time.AfterFunc(20*time.Millisecond, cancel)
			require.ErrorIs(t, <-ended, context.Canceled)
			kept := bytes.Clone(dst)
			close(resume)
			again := make([]byte, len(block))
			_, err := a.ReadBlock(t.Context(), "b", r, [][]byte{again}, nil)
			require.NoError(t, err)
			require.True(t, bytes.Equal(block, again))
			require.True(t, bytes.Equal(kept, dst), "bytes were written after ReadBlock returned")
			here.see(t, "the connection goes on", func() bool { return here.begun == 1 && here.ended == 0 })
		})
	}
}

func TestCancelReachesTheHandler(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	began, ended := make(chan struct{}, 2), make(chan error, 2)
	m.add("b", &handler{
		block: func(ctx context.Context, _ string, _ *link.BlockRequest, w *link.BlockWriter) error {
			began <- struct{}{}
			<-ctx.Done()
			_, err := w.Write([]byte("late"))
			ended <- err
			return err
		},
		call: func(ctx context.Context, _, _ string, _ []byte) ([]byte, error) {
			began <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		},
	}, nil)
	stopped := errors.New("the caller gave up")
	for _, ask := range []func(context.Context) error{
		func(ctx context.Context) error {
			_, err := a.ReadBlock(ctx, "b", link.BlockRequest{Length: 4}, [][]byte{make([]byte, 4)}, nil)
			return err
		},
		func(ctx context.Context) error { _, err := a.Call(ctx, "b", "m", nil); return err },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { <-began; cancel(stopped) }()
		require.ErrorIs(t, ask(ctx), stopped)
		require.ErrorIs(t, <-ended, context.Canceled)
	}
}

func TestDeadlineTravels(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	left := make(chan time.Duration, 1)
	m.add("b", &handler{call: func(ctx context.Context, _, _ string, _ []byte) ([]byte, error) {
		d, ok := ctx.Deadline()
		if !ok {
			d = time.Now()
		}
		left <- time.Until(d)
		return nil, nil
	}}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err := a.Call(ctx, "b", "m", nil)
	require.NoError(t, err)
	require.InDelta(t, time.Hour, <-left, float64(time.Minute))
	_, err = a.Call(t.Context(), "b", "m", nil)
	require.NoError(t, err)
	require.LessOrEqual(t, <-left, time.Duration(0), "there is a deadline where none was given")
}

// The wait for a call that may have been delivered ends with both: what is not known, and why.
func TestCallThatMayHaveBeenDelivered(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	delivered := make(chan string, 2)
	b := m.add("b", &handler{call: func(ctx context.Context, _, method string, _ []byte) ([]byte, error) {
		delivered <- method
		<-ctx.Done()
		return nil, ctx.Err()
	}}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := a.Call(ctx, "b", "first", nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ended := make(chan error, 1)
	go func() { _, err := a.Call(t.Context(), "b", "second", nil); ended <- err }()
	for <-delivered != "second" { // the first may come late, or not at all
	}
	require.NoError(t, b.Close())
	err = <-ended
	require.ErrorIs(t, err, link.ErrUnknownOutcome)
	require.NotErrorIs(t, err, link.ErrUnreachable)

	_, err = a.Call(t.Context(), "b", "m", nil)
	require.ErrorIs(t, err, link.ErrUnreachable)
	_, err = a.Call(t.Context(), "nobody", "m", nil)
	require.ErrorIs(t, err, link.ErrUnreachable)
	require.NotErrorIs(t, err, link.ErrUnknownOutcome)
}
