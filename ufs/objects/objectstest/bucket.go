// Package objectstest is a bucket in memory: what a driver of an object store is to package objects, for its tests. It
// counts requests, lists in small pages, and in the order that it is told.
package objectstest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// Options tune New. The zero value is a bucket with all abilities.
type Options struct {
	PageSize  int                         // names of a page; 1,000
	Order     func(a, b string) int       // of names; strings.Compare
	Lacks     objects.Features            // abilities that it does not have
	Sums      bool                        // Get tells the CRC32C of the object
	Parts     *objects.Parts              // cuts uploads into parts; nil: each is one request
	Discard   func(n int64)               // is told how long each body of a part was, which is not kept; nil: they are
	OnRequest func(op, name string) error // asked before each request; nil
}

// Bucket is a bucket in memory.
type Bucket struct {
	o  Options
	mu struct {
		sync.Mutex
		objects  map[string]object
		names    []string // of objects, in the bucket's order; nil after a change
		versions int
		requests map[string]int
	}
}

type object struct {
	objects.Object
	data []byte
}

// New makes an empty bucket; o may be nil.
func New(o *Options) *Bucket {
	b := &Bucket{}
	if o != nil {
		b.o = *o
	}
	if b.o.PageSize == 0 {
		b.o.PageSize = 1000
	}
	if b.o.Order == nil {
		b.o.Order = strings.Compare
	}
	b.mu.objects, b.mu.requests = map[string]object{}, map[string]int{}
	return b
}

// Set puts an object past all checks, as a stranger does.
func (b *Bucket) Set(name, data string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.setLocked(name, []byte(data))
}

func (b *Bucket) setLocked(name string, data []byte) objects.Object {
	b.mu.versions++
	o := objects.Object{Name: name, Size: int64(len(data)), ModTime: time.Now(), Version: fmt.Sprint("v", b.mu.versions)}
	if _, is := b.mu.objects[name]; !is {
		b.mu.names = nil
	}
	b.mu.objects[name] = object{o, data}
	return o
}

func (b *Bucket) deleteLocked(name string) {
	delete(b.mu.objects, name)
	b.mu.names = nil
}

// Names are those of all objects, sorted.
func (b *Bucket) Names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.mu.objects))
}

// Requests counts the requests of each kind since the last call: head, list, get, put, delete, batch, copy.
func (b *Bucket) Requests() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.mu.requests
	b.mu.requests = map[string]int{}
	return was
}

func (b *Bucket) enter(ctx context.Context, op, name string) error {
	b.mu.Lock()
	b.mu.requests[op]++
	b.mu.Unlock()
	if b.o.OnRequest != nil {
		if err := b.o.OnRequest(op, name); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// Features are all, less those that Options.Lacks.
func (b *Bucket) Features() objects.Features {
	l := b.o.Lacks
	f := objects.Features{IfAbsent: !l.IfAbsent, IfVersion: !l.IfVersion, ReplaceVersion: !l.ReplaceVersion, DeleteVersion: !l.DeleteVersion, Copy: !l.Copy, BatchDelete: 1000, PageSize: b.o.PageSize}
	if l.BatchDelete != 0 {
		f.BatchDelete = 0
	}
	return f
}

// Head describes an object.
func (b *Bucket) Head(ctx context.Context, name string) (objects.Object, error) {
	o, err := b.get(ctx, "head", name)
	return o.Object, err
}

func (b *Bucket) get(ctx context.Context, op, name string) (object, error) {
	if err := b.enter(ctx, op, name); err != nil {
		return object{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.mu.objects[name]
	if !ok {
		return object{}, fmt.Errorf("object %q: %w", name, driver.ErrNotExist)
	}
	return o, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Get reads a range.
func (b *Bucket) Get(ctx context.Context, name string, off, n int64, version string) (io.ReadCloser, objects.Object, error) {
	o, err := b.get(ctx, "get", name)
	switch {
	case version != "" && !b.o.Lacks.IfVersion && (err == nil && o.Version != version || o.Name == "" && ctx.Err() == nil):
		return nil, objects.Object{}, driver.ErrChanged
	case err != nil:
		return nil, objects.Object{}, err
	case off >= o.Size && (off > 0 || n >= 0):
		return nil, objects.Object{}, objects.ErrRange
	}
	end := o.Size
	if n >= 0 {
		end = min(end, off+n)
	}
	if b.o.Sums {
		o.Sum = &objects.Sum{Hash: crc32.New(castagnoli), Want: binary.BigEndian.AppendUint32(nil, crc32.Checksum(o.data, castagnoli))}
	}
	return io.NopCloser(bytes.NewReader(o.data[off:end])), o.Object, nil
}

// Delete removes an object, or does nothing.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	if err := b.enter(ctx, "delete", name); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deleteLocked(name)
	return nil
}

// DeleteVersion removes an object that has a version.
func (b *Bucket) DeleteVersion(ctx context.Context, name, version string) error {
	if err := b.enter(ctx, "delete", name); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.objects[name].Version != version && !b.o.Lacks.DeleteVersion {
		return driver.ErrChanged // of what is missing as well, as Google's
	}
	b.deleteLocked(name)
	return nil
}

// DeleteBatch removes objects.
func (b *Bucket) DeleteBatch(ctx context.Context, names []string) (map[string]error, error) {
	if err := b.enter(ctx, "batch", names[0]); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range names {
		b.deleteLocked(n)
	}
	return nil, nil
}

// Copy copies an object.
func (b *Bucket) Copy(ctx context.Context, from, to, version string) (objects.Object, error) {
	o, err := b.get(ctx, "copy", from)
	if err != nil {
		return objects.Object{}, err
	}
	if version != "" && version != o.Version {
		return objects.Object{}, driver.ErrChanged
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.setLocked(to, o.data), nil
}

// Close does nothing.
func (b *Bucket) Close() error { return nil }
