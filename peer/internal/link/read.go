package link

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ReadBlock asks node to for r's bytes and puts them into dst, which has exactly r.Length bytes in all. Each piece of 64
// KiB is verified before arrived, which may be nil, is told how many bytes are there, in order; arrived must return at once: others wait
// for what comes over the connection. It is called in this goroutine or another one. After ReadBlock has returned nothing writes to dst, and
// arrived is not called.
//
// It returns the other nodes that hold the block, if the node said so. Errors: ErrMissing, ErrUnreachable, ErrChecksum,
// ErrTooLarge, a *RemoteError, ctx's. What dst has then beyond the last arrived is undefined.
func (e *Endpoint) ReadBlock(ctx context.Context, to string, r BlockRequest, dst [][]byte, arrived func(n int64)) (holders []string, err error) {
	if err := r.checkPlace(dst); err != nil {
		return nil, err
	}
	e.stats.reads.Add(1)
	l := laneReads
	if r.Length > smallBytes {
		l = laneBulk
	}
	for again := false; ; again = true {
		q := &request{asked: r, arrived: arrived, done: make(chan struct{})}
		q.read, q.dst = &q.asked, append(q.place[:0], dst...)
		c, err := e.acquire(ctx, to, l, q)
		if err != nil {
			return nil, err
		}
		err = c.sendRead(ctx, q)
		// The node may have closed the connection just then, as at a restart. Nothing has come: ask once more.
		if again || q.began || !errors.Is(err, ErrUnreachable) || errors.Is(err, errForgotten) || errors.Is(err, ErrClosed) {
			return q.holders, err
		}
	}
}

func (c *client) sendRead(ctx context.Context, q *request) error {
	timeout := timeLeft(ctx)
	if len(q.read.Hint) <= directBytes {
		if err := c.writeRead(ctx, q, timeout); err != nil {
			return err
		}
	} else if q.read.Hint = append([]byte(nil), q.read.Hint...); !c.e.spawn(func() { c.writeRead(ctx, q, timeout) }) {
		return ErrClosed
	}
	return c.await(ctx, q)
}

func (c *client) writeRead(ctx context.Context, q *request, timeout time.Duration) error {
	return c.send(ctx, q, func(b []byte) []byte { return appendRead(b, q.id, readMeta{timeout, *q.read}) })
}

func (r *BlockRequest) checkPlace(dst [][]byte) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("read of %d bytes at %d with a hint of %d: %w", r.Length, r.Off, len(r.Hint), err)
	}
	var n int64
	for _, d := range dst {
		n += int64(len(d))
	}
	if n != r.Length {
		return fmt.Errorf("read of %d bytes into %d: want a place of that size", r.Length, n)
	}
	if want := countPieces(r.Off, r.Length); r.Sums != nil && len(r.Sums) != want {
		return fmt.Errorf("read of %d bytes at %d with a place for %d sums: want %d", r.Length, r.Off, len(r.Sums), want)
	}
	return nil
}
