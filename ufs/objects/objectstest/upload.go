package objectstest

import (
	"bytes"
	"context"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

type upload struct {
	ctx  context.Context
	b    *Bucket
	name string
	o    objects.PutOptions
	buf  bytes.Buffer
}

// Put begins an object; the request is counted at Commit.
func (b *Bucket) Put(ctx context.Context, name string, o objects.PutOptions) (objects.Upload, error) {
	return &upload{ctx: ctx, b: b, name: name, o: o}, nil
}

func (u *upload) Write(p []byte) (int, error) {
	if err := context.Cause(u.ctx); err != nil {
		return 0, err
	}
	return u.buf.Write(p)
}

func (u *upload) Commit(ctx context.Context) (objects.Object, error) {
	if err := context.Cause(u.ctx); err != nil {
		return objects.Object{}, err
	}
	if err := u.b.enter(ctx, "put", u.name); err != nil {
		return objects.Object{}, err
	}
	u.b.mu.Lock()
	defer u.b.mu.Unlock()
	if _, is := u.b.mu.objects[u.name]; is && u.o.IfAbsent {
		return objects.Object{}, driver.ErrExist
	}
	return u.b.setLocked(u.name, u.buf.Bytes()), nil
}

func (u *upload) Abort(context.Context) error { return nil }
