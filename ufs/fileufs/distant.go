package fileufs

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// distant is a store on a file system that another machine or process serves. A call of the system there may never return, and cannot be
// woken. So each is made by a goroutine, which is left alone when the call's context ends.
type distant struct {
	*store
	calls sync.WaitGroup // left ones, too
	left  atomic.Int64   // calls that nobody waits for any more
}

const (
	// mostLeft calls may be left before others fail at once: each takes a thread of the system.
	mostLeft = 32
	// endWithin is how long what cleans up is waited for.
	endWithin = time.Second
	// movedAtOnce bounds the bytes that a goroutine reads or writes for a caller who may leave: they go by way of its own memory.
	movedAtOnce = 256 << 10
)

// away makes a call in a goroutine and returns what came of it, or why ctx ended, if that is first. late, which may be nil, is
// given what a call that was left brings.
func away[T any](ctx context.Context, d *distant, late func(T), do func() (T, error)) (v T, err error) {
	if n := d.left.Load(); n >= mostLeft {
		return v, fmt.Errorf("%w: the file system at %s has not answered %d calls", driver.ErrUnavailable, d.place.dir, n)
	}
	return leavable(ctx, d, late, do)
}

// leavable is away however many were left.
func leavable[T any](ctx context.Context, d *distant, late func(T), do func() (T, error)) (v T, err error) {
	var turn sync.Mutex
	var left, done bool
	returned := make(chan struct{})
	d.calls.Go(func() {
		got, e := do()
		turn.Lock()
		defer turn.Unlock()
		if !left {
			v, err, done = got, e, true
			close(returned)
			return
		}
		d.left.Add(-1)
		if e == nil && late != nil {
			late(got)
		}
	})
	select {
	case <-returned:
		return v, err
	case <-ctx.Done():
	}
	turn.Lock()
	defer turn.Unlock()
	if done {
		return v, err
	}
	left = true
	d.left.Add(1)
	return v, context.Cause(ctx)
}

// awayTo is away for what brings nothing.
func awayTo(ctx context.Context, d *distant, do func() error) error {
	_, err := away(ctx, d, nil, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// cleanUp makes a call that is owed, and waits for it a little while.
func (d *distant) cleanUp(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	_, err := leavable(ctx, d, nil, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

func (d *distant) Stat(ctx context.Context, key string) (driver.Attr, error) {
	return away(ctx, d, nil, func() (driver.Attr, error) { return d.store.Stat(ctx, key) })
}

func (d *distant) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	return away(ctx, d, nil, func() (driver.Page, error) { return d.store.List(ctx, o) })
}

func (d *distant) Delete(ctx context.Context, key string) error {
	return awayTo(ctx, d, func() error { return d.store.Delete(ctx, key) })
}

func (d *distant) Mkdir(ctx context.Context, key string, parents bool, mode fs.FileMode) error {
	return awayTo(ctx, d, func() error { return d.store.Mkdir(ctx, key, parents, mode) })
}

func (d *distant) Rename(ctx context.Context, from, to string, overwrite bool) (driver.Attr, error) {
	return away(ctx, d, nil, func() (driver.Attr, error) { return d.store.Rename(ctx, from, to, overwrite) })
}

func (d *distant) SetMode(ctx context.Context, key string, mode fs.FileMode) (driver.Attr, error) {
	return away(ctx, d, nil, func() (driver.Attr, error) { return d.store.SetMode(ctx, key, mode) })
}

func (d *distant) SetOwner(ctx context.Context, key, owner, group string) (driver.Attr, error) {
	return away(ctx, d, nil, func() (driver.Attr, error) { return d.store.SetOwner(ctx, key, owner, group) })
}

// Close waits for calls of the system no longer than endWithin; the rest is closed when they return.
func (d *distant) Close() error {
	closed := make(chan error, 1)
	go func() {
		d.calls.Wait()
		closed <- d.store.Close()
	}()
	select {
	case err := <-closed:
		return err
	case <-time.After(endWithin):
		return fmt.Errorf("%w: the file system at %s has not answered %d calls; they end when it does, or when it is unmounted by force",
			driver.ErrUnavailable, d.place.dir, d.left.Load())
	}
}

func (d *distant) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	type opened struct {
		body io.ReadCloser
		attr driver.Attr
	}
	o, err := away(ctx, d, func(o opened) { o.body.Close() }, func() (o opened, err error) {
		o.body, o.attr, err = d.store.Open(ctx, key, off, n, version)
		return o, err
	})
	if err != nil {
		return nil, o.attr, err
	}
	return &distantBody{d: d, ctx: ctx, body: o.body}, o.attr, nil
}

// distantBody is a body whose reads may be left.
type distantBody struct {
	d    *distant
	ctx  context.Context
	body io.ReadCloser
	turn sync.Mutex // the calls'
	buf  []byte     // theirs, while one is under way
	err  error      // that ended it
}

func (b *distantBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n := min(len(p), movedAtOnce)
	if len(b.buf) < n {
		b.buf = make([]byte, n)
	}
	buf := b.buf[:n]
	n, err := away(b.ctx, b.d, nil, func() (int, error) {
		b.turn.Lock()
		defer b.turn.Unlock()
		return b.body.Read(buf)
	})
	if err != nil {
		b.err = err
		return 0, err
	}
	return copy(p, buf[:n]), nil
}

// Close closes the file when a read that was left has returned.
func (b *distantBody) Close() error {
	return b.d.cleanUp(b.ctx, func() error {
		b.turn.Lock()
		defer b.turn.Unlock()
		return b.body.Close()
	})
}

func (d *distant) Create(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	w, err := away(ctx, d, func(w driver.Writer) { w.Abort(context.WithoutCancel(ctx)) }, func() (driver.Writer, error) { return d.store.Create(ctx, key, o) })
	if err != nil {
		return nil, err
	}
	return &distantWriter{d: d, ctx: ctx, w: w}, nil
}

// distantWriter is a writer whose calls may be left. What follows one waits for it.
type distantWriter struct {
	d    *distant
	ctx  context.Context
	w    driver.Writer
	turn sync.Mutex // the calls'
	buf  []byte     // theirs, while one is under way
	err  error      // of a Write: there is nothing to publish
}

func (w *distantWriter) Write(p []byte) (written int, err error) {
	for written < len(p) && w.err == nil {
		w.buf = append(w.buf[:0], p[written:min(len(p), written+movedAtOnce)]...)
		buf := w.buf
		n, err := away(w.ctx, w.d, nil, func() (int, error) {
			w.turn.Lock()
			defer w.turn.Unlock()
			return w.w.Write(buf)
		})
		written, w.err = written+n, err
	}
	return written, w.err
}

func (w *distantWriter) Commit(ctx context.Context) (driver.Attr, error) {
	if w.err != nil {
		return driver.Attr{}, w.err
	}
	return away(ctx, w.d, nil, func() (driver.Attr, error) {
		w.turn.Lock()
		defer w.turn.Unlock()
		return w.w.Commit(ctx)
	})
}

// Abort leaves nothing, some time after the file system has answered what was left.
func (w *distantWriter) Abort(ctx context.Context) error {
	return w.d.cleanUp(ctx, func() error {
		w.turn.Lock()
		defer w.turn.Unlock()
		return w.w.Abort(ctx)
	})
}
