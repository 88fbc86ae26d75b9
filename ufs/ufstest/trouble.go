package ufstest

import (
	"bytes"
	"context"
	"errors"
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
	torn := errors.New("connection reset")
	for _, end := range []error{io.EOF, torn} {
		b := &breaking{Store: p.s, after: 100, end: end}
		s, err := ufs.New(b, "broken://", &ufs.Options{Attempts: 3, BaseDelay: 1, MaxDelay: 1})
		require.NoError(p, err)
		got := make([]byte, len(data))
		n, err := s.ReadAt(p.ctx, "f", "", got, 0)
		require.True(p, err != nil || n == len(data), "a body that ends after 100 bytes with %v: %d bytes and no error", end, n)
		require.Equal(p, data[:n], got[:n])

		b.times, b.done = 1, 0 // the second try of the body is whole
		n, err = s.ReadAt(p.ctx, "f", "", got, 0)
		require.NoError(p, err, "one body broke with %v", end)
		require.Equal(p, data, got[:n])
	}
}

// breaking makes a driver of a portable Store whose bodies end early: the next times of them, or all with 0.
type breaking struct {
	*ufs.Store
	after int64
	end   error
	times int
	done  int
}

func (b *breaking) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	return b.ListPage(ctx, o)
}

func (b *breaking) Create(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	return b.Store.Create(ctx, key, o)
}

func (b *breaking) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	rc, a, err := b.Store.Open(ctx, key, off, n, version)
	if err != nil || b.times > 0 && b.done >= b.times {
		return rc, a, err
	}
	b.done++
	return &brokenBody{rc, b.after, b.end}, a, nil
}

type brokenBody struct {
	io.ReadCloser
	left int64
	end  error
}

func (b *brokenBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, b.end
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
