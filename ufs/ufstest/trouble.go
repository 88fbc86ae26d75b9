package ufstest

import (
	"bytes"
	"context"
	"io"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/stretchr/testify/require"
)

func troubleItems() []item {
	return []item{
		{56, "cancelled_contexts_leave_nothing", cancelled},
		{57, "no_access_is_ErrPermission", denied},
		{58, "short_and_failing_reads_are_errors", shortReads},
	}
}

// cancelled ends the context in the middle of a read and of a write.
func cancelled(p *place) {
	data := bytes.Repeat([]byte("x"), 1<<20)
	p.put("read", data)
	ctx, cancel := context.WithCancel(p.ctx)
	rc, _, err := p.s.Open(ctx, "read", 0, -1, "")
	require.NoError(p, err)
	_, err = io.ReadFull(rc, make([]byte, 10))
	require.NoError(p, err)
	cancel()
	_, err = io.Copy(io.Discard, rc)
	require.ErrorIs(p, err, context.Canceled)
	require.NoError(p, rc.Close())
	p.cancelWrite(data)
}

func (p *place) cancelWrite(data []byte) {
	p.needWrites()
	ctx, cancel := context.WithCancel(p.ctx)
	w, err := p.s.Create(ctx, "write", ufs.CreateOptions{})
	require.NoError(p, err)
	_, err = w.Write(data)
	require.NoError(p, err)
	cancel()
	_, err = w.Commit(ctx)
	require.ErrorIs(p, err, context.Canceled)
	require.NoError(p, w.Abort(p.ctx))
	_, err = p.s.Stat(p.ctx, "write")
	require.ErrorIs(p, err, driver.ErrNotExist, "published by a cancelled writer")
	if p.h.Leftovers != nil {
		require.Zero(p, p.h.Leftovers(p.TB, p.s))
	}
}

func denied(p *place) {
	if p.h.Deny == nil {
		p.Skip("Harness.Deny")
	}
	p.put("secret", []byte("TestBytes"))
	s := p.h.Deny(p.TB, p.s, "secret")
	_, err := s.ReadAt(p.ctx, "secret", "", make([]byte, 9), 0)
	require.ErrorIs(p, err, driver.ErrPermission)
	require.NotErrorIs(p, err, driver.ErrNotExist)
}

// shortReads puts a store that breaks its bodies between the driver and a portable type: whatever comes back is the
// whole range or an error.
func shortReads(p *place) {
	data := bytes.Repeat([]byte("TestBytes"), 170)
	p.put("f", data)
	f, err := NewFaulty(Driver(p.s), "")
	require.NoError(p, err)
	s, err := ufs.New(f, "broken://", &ufs.Options{Attempts: 3, BaseDelay: 1, MaxDelay: 1})
	require.NoError(p, err)
	for _, broken := range []string{"short=100", "cut=100"} {
		require.NoError(p, f.Play("open "+broken))
		got := make([]byte, len(data))
		n, err := s.ReadAt(p.ctx, "f", "", got, 0)
		require.True(p, err != nil || n == len(data), "a body with %s: %d bytes and no error", broken, n)
		require.Equal(p, data[:n], got[:n])

		require.NoError(p, f.Play("open nth=1 "+broken)) // the second try of the body is whole
		n, err = s.ReadAt(p.ctx, "f", "", got, 0)
		require.NoError(p, err, "one body with %s", broken)
		require.Equal(p, data, got[:n])
	}
}
