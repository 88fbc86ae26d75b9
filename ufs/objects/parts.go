package objects

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// Multipart is one object's way into a store by parts. Whole or Begin is the first call; parts are sent at the same
// time, numbered from 1.
type Multipart interface {
	Whole(ctx context.Context, body []byte) (Object, error) // all in one request
	Begin(ctx context.Context) error
	Part(ctx context.Context, n int, body []byte) error
	Finish(ctx context.Context, parts int) (Object, error)
	Drop(ctx context.Context) error // leaves no part; after Begin
}

// Parts cuts uploads of unknown length into parts. Its bound on bytes in flight is one for all uploads of a bucket; each
// upload holds beside it the part that is being filled.
type Parts struct {
	size     int64
	inFlight *budget
}

// NewParts makes parts of size bytes and more: each hundredth part is 11 MiB larger, so that 10,000 of 8 MiB and more
// hold 5 TiB. inFlight bounds the bytes being sent; a part that is larger than that goes alone.
func NewParts(size, inFlight int64) *Parts { return &Parts{size, newBudget(inFlight)} }

const (
	growEvery = 100
	growBy    = 11 << 20
	mostParts = 10_000 // S3's, and nobody allows fewer
)

// PartSize is the size of the n-th part, from 1, of an upload that is expected to have total bytes; 0: nobody knows.
func (p *Parts) PartSize(n int, total int64) int64 {
	if total > 0 {
		return max(p.size, (total+mostParts-1)/mostParts)
	}
	return p.size + int64((n-1)/growEvery)*growBy
}

// Upload begins an upload; ctx ends it.
func (p *Parts) Upload(ctx context.Context, to Multipart, total int64) Upload {
	u := &upload{p: p, to: to, total: total}
	u.ctx, u.cancel = context.WithCancelCause(ctx)
	return u
}

type upload struct {
	p      *Parts
	to     Multipart
	total  int64
	ctx    context.Context
	cancel context.CancelCauseFunc
	buf    []byte
	sent   int  // parts
	last   bool // all parts are on their way
	wg     sync.WaitGroup
}

// Write sends a full part when more bytes come: what fits one part is one request at Commit.
func (u *upload) Write(b []byte) (int, error) {
	written := 0
	for len(b) > 0 {
		if err := context.Cause(u.ctx); err != nil {
			return written, err
		}
		room := u.p.PartSize(u.sent+1, u.total) - int64(len(u.buf))
		if room <= 0 {
			if err := u.send(); err != nil {
				return written, err
			}
			continue
		}
		n := int(min(room, int64(len(b))))
		u.buf = append(u.buf, b[:n]...)
		b, written = b[n:], written+n
	}
	return written, nil
}

// send hands the filled part to a goroutine of its own, when the bound allows one.
func (u *upload) send() error {
	if u.sent == 0 {
		if err := patiently(u.ctx, func() error { return u.to.Begin(u.ctx) }); err != nil {
			return err
		}
	}
	body := u.buf
	u.buf = make([]byte, 0, len(body))
	u.sent++
	n := u.sent
	free, err := u.p.inFlight.take(u.ctx, int64(len(body)))
	if err != nil {
		return err
	}
	u.wg.Go(func() {
		defer free()
		if err := patiently(u.ctx, func() error { return u.to.Part(u.ctx, n, body) }); err != nil {
			u.cancel(fmt.Errorf("part %d: %w", n, err))
		}
	})
	return nil
}

// Commit leaves the upload as it is where the store asks to be asked again.
func (u *upload) Commit(ctx context.Context) (Object, error) {
	if err := context.Cause(u.ctx); err != nil {
		return Object{}, errors.Join(err, u.Abort(ctx))
	}
	if u.sent == 0 {
		o, err := u.to.Whole(ctx, u.buf)
		if !retryable(err) {
			u.cancel(context.Canceled)
		}
		return o, err
	}
	if err := u.sendLast(); err != nil {
		return Object{}, errors.Join(err, u.Abort(ctx))
	}
	o, err := u.to.Finish(ctx, u.sent)
	if retryable(err) {
		return Object{}, err
	}
	if _, unknown := errors.AsType[*driver.Unknown](err); err != nil && !unknown {
		return Object{}, errors.Join(err, u.Abort(ctx))
	}
	u.cancel(context.Canceled)
	return o, err
}

// sendLast sends what is left, once, and waits until all parts have arrived.
func (u *upload) sendLast() error {
	var err error
	if !u.last {
		u.last = true
		err = u.send()
	}
	u.wg.Wait()
	if err == nil {
		err = context.Cause(u.ctx)
	}
	return err
}

// retryable reports whether a store refused for now. What is unknown besides is not.
func retryable(err error) bool {
	_, again := errors.AsType[*driver.Retryable](err)
	_, unknown := errors.AsType[*driver.Unknown](err)
	return again && !unknown
}

// dropWithin bounds the cleaning up, which goes on when the caller's context has ended.
const dropWithin = 30 * time.Second

// Abort waits for the parts in flight: one that arrives after the rest was dropped would stay.
func (u *upload) Abort(ctx context.Context) error {
	u.cancel(context.Canceled)
	u.wg.Wait()
	u.buf = nil
	if u.sent == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropWithin)
	defer cancel()
	return patiently(ctx, func() error { return u.to.Drop(ctx) })
}

// definite takes away what is unknown of a request that publishes nothing.
func definite(err error) error {
	if u, ok := errors.AsType[*driver.Unknown](err); ok {
		return u.Err
	}
	return err
}
