package gcsufs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// mostListed is the most names of a page, by Google's rule.
const mostListed = 1000

// bucket is a bucket of Cloud Storage.
type bucket struct {
	client *storage.Client
	h      *storage.BucketHandle
	part   int // bytes
	room   *objects.Room
}

func (b *bucket) Features() objects.Features {
	return objects.Features{IfAbsent: true, IfVersion: true, ReplaceVersion: true, DeleteVersion: true, Copy: true, PageSize: mostListed}
}

func (b *bucket) Close() error { return b.client.Close() }

func (b *bucket) Head(ctx context.Context, name string) (objects.Object, error) {
	a, err := b.h.Object(name).Attrs(ctx)
	if err != nil {
		return objects.Object{}, read(err)
	}
	return object(a), nil
}

func object(a *storage.ObjectAttrs) objects.Object {
	return objects.Object{Name: a.Name, Size: a.Size, ModTime: a.Updated, Version: version(a.Generation)}
}

// version is a generation, which each write of a name changes.
func version(generation int64) string { return strconv.FormatInt(generation, 10) }

// only is the object under the condition that it has a version; any for "".
func (b *bucket) only(name, version string) (*storage.ObjectHandle, error) {
	o := b.h.Object(name)
	if version == "" {
		return o, nil
	}
	g, err := strconv.ParseInt(version, 10, 64)
	if err != nil || g <= 0 {
		return nil, fmt.Errorf("%w: version %q is no generation", driver.ErrChanged, version)
	}
	return o.If(storage.Conditions{GenerationMatch: g}), nil
}

// gone makes what is not there any more ErrChanged where a version was asked for.
func gone(err error, version string) error {
	if version != "" && errors.Is(err, driver.ErrNotExist) {
		return fmt.Errorf("%w: it is gone", driver.ErrChanged)
	}
	return err
}

func (b *bucket) Get(ctx context.Context, name string, off, n int64, want string) (io.ReadCloser, objects.Object, error) {
	o, err := b.only(name, want)
	if err != nil {
		return nil, objects.Object{}, err
	}
	r, err := o.NewRangeReader(reading(ctx), off, n)
	if err != nil {
		return nil, objects.Object{}, gone(read(err), want)
	}
	a := r.Attrs
	return body{r}, objects.Object{Name: name, Size: a.Size, ModTime: a.LastModified, Version: version(a.Generation), Sum: sum(a)}, nil
}

// sum is the CRC32C in an answer; nil if there is none, or the bytes are not those that are stored.
func sum(a storage.ReaderObjectAttrs) *objects.Sum {
	if a.CRC32C == 0 || a.Decompressed {
		return nil
	}
	return &objects.Sum{Hash: crc32.New(castagnoli), Want: binary.BigEndian.AppendUint32(nil, a.CRC32C)}
}

// body maps the errors of reading.
type body struct{ *storage.Reader }

func (b body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		return n, err
	}
	return n, read(err)
}

func (b *bucket) List(ctx context.Context, q objects.Query) (objects.Answer, error) {
	query := &storage.Query{Prefix: q.Prefix, Delimiter: q.Delimiter, StartOffset: q.StartAfter, Projection: storage.ProjectionNoACL}
	if err := query.SetAttrSelection([]string{"Name", "Size", "Updated", "Generation"}); err != nil {
		return objects.Answer{}, err
	}
	limit := mostListed
	if q.Limit > 0 {
		limit = min(q.Limit, mostListed)
	}
	var found []*storage.ObjectAttrs
	token, err := iterator.NewPager(b.h.Objects(ctx, query), limit, q.Token).NextPage(&found)
	if err != nil {
		return objects.Answer{}, read(err)
	}
	a := objects.Answer{Token: token}
	for _, f := range found {
		switch {
		case f.Prefix != "":
			a.Prefixes = append(a.Prefixes, f.Prefix)
		case f.Name != q.StartAfter || q.StartAfter == "": // StartOffset is told itself
			a.Objects = append(a.Objects, object(f))
		}
	}
	return a, nil
}

func (b *bucket) Delete(ctx context.Context, name string) error {
	return changed(ctx, b.h.Object(name).Delete(ctx))
}

// DeleteVersion deletes a generation, if it is the newest.
func (b *bucket) DeleteVersion(ctx context.Context, name, version string) error {
	o, err := b.only(name, version)
	if err != nil {
		return err
	}
	return changed(ctx, o.Delete(ctx))
}

// Copy lets the service rewrite the object, in as many requests as it wants.
func (b *bucket) Copy(ctx context.Context, from, to, version string) (objects.Object, error) {
	src, err := b.only(from, version)
	if err != nil {
		return objects.Object{}, err
	}
	a, err := b.h.Object(to).CopierFrom(src).Run(ctx)
	if err != nil {
		return objects.Object{}, gone(changed(ctx, err), version)
	}
	return object(a), nil
}
