package objects

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/internal/cleaning"
	"github.com/millpond/millpond/ufs/driver"
)

// Multipart is one object's way into a store by parts. Whole or Begin is the first call; parts are sent at the same
// time, numbered from 1.
type Multipart interface {
	Whole(ctx context.Context, body *Body) (Object, error) // all in one request
	Begin(ctx context.Context) error
	Part(ctx context.Context, n int, body *Body) error
	Finish(ctx context.Context, parts int) (Object, error)
	Drop(ctx context.Context) error // leaves no part; after Begin
}

// Parts cuts uploads of unknown length into parts. Its bounds are for all uploads of a bucket together: of bytes being sent, and of
// memory for parts, being filled or sent. Bytes that are lent are sent from where they lie.
type Parts struct {
	size     int64
	inFlight *budget
	chunks   *chunks
	cleaner  *cleaning.Cleaner
}

// NewParts makes parts of size bytes and more: each hundredth part is 11 MiB larger, so that 10,000 of 8 MiB and more
// hold 5 TiB. inFlight bounds the bytes being sent; a part that is larger than that goes alone. Twice as many bytes of memory hold
// parts; what is beyond it is in a file without a name in os.TempDir.
func NewParts(size, inFlight int64) *Parts {
	return &Parts{size, newBudget(inFlight), &chunks{room: NewRoom(2 * inFlight)}, cleaning.New()}
}

// Close ends what Clean does behind, after a second. Uploads are over by then.
func (p *Parts) Close() { p.cleaner.Close() }

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

func (p *Parts) filling() *filling { return &filling{of: p.chunks} }

// Upload begins an upload; ctx ends it.
func (p *Parts) Upload(ctx context.Context, to Multipart, total int64) Upload {
	u := &upload{p: p, to: to, total: total, part: p.filling()}
	u.ctx, u.cancel = context.WithCancel(ctx)
	u.going, u.stop = context.WithCancelCause(ctx)
	return u
}

type upload struct {
	p      *Parts
	to     Multipart
	total  int64
	ctx    context.Context // of requests
	cancel context.CancelFunc
	going  context.Context // ended first, by a part that fails: no request is begun then
	stop   context.CancelCauseFunc
	part   *filling
	whole  *Body // of the part, when it turned out to be all
	taken  int64 // bytes
	sent   int   // parts
	last   bool  // all parts are on their way
	wg     sync.WaitGroup
	cut    atomic.Bool // the request of a part was given up: the store may still be storing it
}

// Write sends a full part when more bytes come: what fits one part is one request at Commit.
func (u *upload) Write(b []byte) (int, error) {
	return u.fill(b, func(b []byte, room int64) error { return u.part.copyIn(b, room, u.expect(room-int64(len(b)))) })
}

// expect is how many of room bytes will be written, as far as anybody knows.
func (u *upload) expect(room int64) int64 {
	switch {
	case u.total > 0:
		return max(0, min(room, u.total-u.taken))
	case u.sent > 0:
		return room
	}
	return 0
}

// WriteLent is driver.Lender's.
func (u *upload) WriteLent(b []byte, done func()) (int, error) {
	l := &loan{back: done}
	l.users.Store(1) // ours, until all of b has its part
	defer l.release()
	return u.fill(b, func(b []byte, _ int64) error { u.part.take(b, l); return nil })
}

// fill cuts b at the ends of parts and hands each piece to add, with the room that the part has for it and more.
func (u *upload) fill(b []byte, add func(b []byte, room int64) error) (int, error) {
	written := 0
	for len(b) > 0 {
		if err := context.Cause(u.going); err != nil {
			return written, err
		}
		room := u.p.PartSize(u.sent+1, u.total) - u.part.size
		if room <= 0 {
			if err := u.send(); err != nil {
				return written, err
			}
			continue
		}
		n := int(min(room, int64(len(b))))
		u.taken += int64(n)
		if err := add(b[:n], room); err != nil {
			u.stop(err) // the part may have some of b
			return written, err
		}
		b, written = b[n:], written+n
	}
	return written, nil
}

// send hands the filled part to a goroutine of its own, when the bound allows one.
func (u *upload) send() error {
	if u.sent == 0 {
		if err := Patiently(u.going, func() error { return u.to.Begin(u.ctx) }); err != nil {
			return err
		}
	}
	part := u.part
	u.part = u.p.filling()
	u.sent++
	n := u.sent
	free, err := u.p.inFlight.take(u.going, part.size)
	if err != nil {
		part.giveBack()
		return err
	}
	u.wg.Go(func() {
		defer free()
		defer part.giveBack()
		body := newBody(part.sections)
		defer body.end()
		if err := Patiently(u.going, func() error { return u.to.Part(u.ctx, n, body) }); err != nil {
			if u.ctx.Err() != nil {
				u.cut.Store(true)
			}
			u.stop(fmt.Errorf("part %d: %w", n, err))
		}
	})
	return nil
}

// Commit leaves the upload as it is where the store asks to be asked again.
func (u *upload) Commit(ctx context.Context) (Object, error) {
	if err := context.Cause(u.going); err != nil {
		return Object{}, errors.Join(err, u.Abort(ctx))
	}
	if u.sent == 0 {
		return u.commitWhole(ctx)
	}
	if err := u.sendLast(ctx); err != nil {
		return Object{}, errors.Join(err, u.Abort(ctx))
	}
	o, err := u.to.Finish(ctx, u.sent)
	if retryable(err) {
		return Object{}, err
	}
	if _, unknown := errors.AsType[*driver.Unknown](err); err != nil && !unknown {
		return Object{}, errors.Join(err, u.Abort(ctx))
	}
	u.end()
	return o, err
}

// end lets go of the contexts.
func (u *upload) end() {
	u.stop(context.Canceled)
	u.cancel()
}

// commitWhole sends what fits one part.
func (u *upload) commitWhole(ctx context.Context) (Object, error) {
	if u.whole == nil {
		u.whole = newBody(u.part.sections)
	}
	o, err := u.to.Whole(ctx, u.whole)
	if !retryable(err) {
		u.end()
		u.letGo()
	}
	return o, err
}

// letGo gives back what was not sent in a part.
func (u *upload) letGo() {
	if u.whole != nil {
		u.whole.end()
	}
	u.part.giveBack()
	u.part = u.p.filling()
}

// sendLast sends what is left, once, and waits until all parts have arrived. ctx ends them, too: a store that does not answer would hold
// Commit for as long as the upload's own context lives.
func (u *upload) sendLast(ctx context.Context) error {
	ends := context.AfterFunc(ctx, func() {
		u.stop(context.Cause(ctx))
		u.cancel()
	})
	defer ends()
	var err error
	if !u.last {
		u.last = true
		err = u.send()
	}
	u.wg.Wait()
	if err == nil {
		err = context.Cause(u.going)
	}
	return err
}

// retryable reports whether a store refused for now. What is unknown besides is not.
func retryable(err error) bool {
	_, again := errors.AsType[*driver.Retryable](err)
	_, unknown := errors.AsType[*driver.Unknown](err)
	return again && !unknown
}

// partGrace is given to parts in flight when an upload is aborted: 8 MiB at 4 MB/s.
const partGrace = 2 * time.Second

// Abort lets the parts in flight arrive: one that does so after the rest was dropped would stay. One whose request is given up may all
// the same, so then the rest is dropped once more.
func (u *upload) Abort(ctx context.Context) error {
	u.stop(context.Canceled)
	late := time.AfterFunc(partGrace, u.cancel)
	u.wg.Wait()
	late.Stop()
	u.end()
	u.letGo()
	if u.sent == 0 {
		return nil
	}
	return u.p.Clean(ctx, u.cut.Load(), u.to.Drop)
}

// definite takes away what is unknown of a request that publishes nothing.
func definite(err error) error {
	if u, ok := errors.AsType[*driver.Unknown](err); ok {
		return u.Err
	}
	return err
}
