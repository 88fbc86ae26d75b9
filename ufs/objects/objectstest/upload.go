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

// Put begins an object; the request is counted at Commit. With parts there are those of a multipart, too: begin, part,
// finish, drop.
func (b *Bucket) Put(ctx context.Context, name string, o objects.PutOptions) (objects.Upload, error) {
	if b.o.Parts != nil {
		return b.o.Parts.Upload(ctx, &multipart{b: b, name: name, o: o, parts: map[int][]byte{}}, o.Size), nil
	}
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
	return u.b.publish(u.name, u.buf.Bytes(), u.o)
}

func (b *Bucket) publish(name string, data []byte, o objects.PutOptions) (objects.Object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, is := b.mu.objects[name]
	switch {
	case is && o.IfAbsent:
		return objects.Object{}, driver.ErrExist
	case o.IfVersion != "" && !b.o.Lacks.ReplaceVersion && old.Version != o.IfVersion:
		return objects.Object{}, driver.ErrChanged
	}
	return b.setLocked(name, data), nil
}

func (u *upload) Abort(context.Context) error { return nil }
