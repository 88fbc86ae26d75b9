package gcsufs

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"cloud.google.com/go/storage"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// Put sends what fits one part whole, else by a resumable upload, one part after the other.
func (b *bucket) Put(ctx context.Context, name string, o objects.PutOptions) (objects.Upload, error) {
	h, err := b.only(name, o.IfVersion)
	if err != nil {
		return nil, err
	}
	u := &upload{o: h, room: b.room, part: b.part, absent: o.IfAbsent}
	if o.IfAbsent {
		u.o = u.o.If(storage.Conditions{DoesNotExist: true})
	}
	u.ctx, u.cancel = context.WithCancelCause(ctx)
	return u, nil
}

type upload struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	o      *storage.ObjectHandle
	absent bool
	part   int
	room   *objects.Room
	held   int             // bytes of room
	first  []byte          // what has come, until it is more than a part or than there is room for
	w      *storage.Writer // from then on
}

// The beginning of a resumable upload may be asked for again, and a part may be sent again: the service knows where it ends.
const (
	beginTries = 4
	partWithin = time.Minute // 8 MiB in it are 140 KB/s
)

func (u *upload) Write(p []byte) (int, error) {
	if err := context.Cause(u.ctx); err != nil {
		return 0, err
	}
	if u.w == nil && u.gather(p) {
		return len(p), nil
	}
	if u.w == nil {
		if err := u.begin(); err != nil {
			return 0, err
		}
	}
	n, err := u.w.Write(p)
	return n, u.noBucket(driver.NotAgain(read(err)))
}

// gather keeps p with what came before it, if it all fits one request and there is room for it.
func (u *upload) gather(p []byte) bool {
	n := len(u.first) + len(p)
	if n > u.part {
		return false
	}
	if n > cap(u.first) {
		size := min(max(2*cap(u.first), n), u.part)
		if !u.hold(size) {
			return false
		}
		u.first = append(make([]byte, 0, size), u.first...)
	}
	u.first = append(u.first, p...)
	return true
}

// hold has n bytes of memory counted, if there are as many; an upload has partUnit uncounted, with which it always goes on.
func (u *upload) hold(n int) bool {
	n = max(0, n-partUnit)
	if n > u.held && !u.room.Take(int64(n-u.held)) {
		return false
	}
	if n < u.held {
		u.room.Give(int64(u.held - n))
	}
	u.held = n
	return true
}

// begin begins a resumable upload with what was gathered. Its parts are smaller where there is no room for large ones.
func (u *upload) begin() error {
	part := u.part
	for part > partUnit && !u.hold(cap(u.first)+part) {
		part = max(partUnit, part/2/partUnit*partUnit)
	}
	u.w = u.o.Retryer(storage.WithPolicy(storage.RetryAlways), storage.WithMaxAttempts(beginTries)).NewWriter(u.ctx)
	u.w.ChunkSize, u.w.ChunkRetryDeadline = part, partWithin
	if _, err := u.w.Write(u.first); err != nil {
		return u.noBucket(driver.NotAgain(read(err)))
	}
	u.first = nil
	u.hold(part)
	return nil
}

// noBucket: what an upload does not find is no file.
func (u *upload) noBucket(err error) error {
	if !errors.Is(err, driver.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w: there is no bucket %q, or the upload was forgotten: %v", driver.ErrInvalid, u.o.BucketName(), err)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// whole is the one request of a small object, which the service refuses if its sum is another. The SDK does not repeat it: with
// a condition, the second answer would be that of the first one's success.
func (u *upload) whole() (*storage.ObjectAttrs, error) {
	w := u.o.NewWriter(u.ctx)
	w.ChunkSize = 0
	w.SendCRC32C, w.CRC32C = true, crc32.Checksum(u.first, castagnoli)
	_, err := w.Write(u.first)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, changed(u.ctx, err)
	}
	return w.Attrs(), nil
}

// last ends a resumable upload. The SDK has asked again where the service said that it is busy, and of the answers before the last one nothing is known: one
// may have been lost, that of a success.
func (u *upload) last() (*storage.ObjectAttrs, error) {
	err := changed(u.ctx, u.w.Close())
	if _, again := errors.AsType[*driver.Retryable](err); again {
		err = &driver.Unknown{Err: driver.NotAgain(err)}
	}
	if err != nil {
		return nil, err
	}
	return u.w.Attrs(), nil
}

// Commit leaves a small object as it is where the service asks to be asked again.
func (u *upload) Commit(ctx context.Context) (objects.Object, error) {
	if err := errors.Join(context.Cause(u.ctx), context.Cause(ctx)); err != nil {
		return objects.Object{}, errors.Join(err, u.Abort(ctx))
	}
	stop := context.AfterFunc(ctx, func() { u.cancel(context.Cause(ctx)) })
	defer stop()
	publish := u.last
	if u.w == nil {
		publish = u.whole
	}
	a, err := publish()
	if _, again := errors.AsType[*driver.Retryable](err); again {
		return objects.Object{}, err
	}
	u.end()
	if err = u.noBucket(err); u.absent && errors.Is(err, driver.ErrChanged) {
		err = fmt.Errorf("%w: it is there already", driver.ErrExist)
	}
	if err != nil {
		return objects.Object{}, err
	}
	return object(a), nil
}

func (u *upload) end() {
	u.cancel(context.Canceled)
	u.first = nil
	u.hold(0)
}

// Abort ends the upload. What a resumable one has sent nobody sees, and the service forgets it after a week.
func (u *upload) Abort(context.Context) error {
	u.end()
	if u.w != nil {
		_ = u.w.Close() // waits for the SDK's goroutine; that it was cancelled is no news
	}
	return nil
}
