package s3ufs

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// Copy looks at the object first: S3 copies up to 5 GiB in one request, and does not tell a copy's size.
func (b *bucket) Copy(ctx context.Context, from, to, version_ string) (objects.Object, error) {
	src, err := b.Head(ctx, from)
	if err == nil && version_ != "" && src.Version != version_ {
		err = fmt.Errorf("object %q in bucket %q: %w", from, b.name, driver.ErrChanged)
	}
	if err != nil {
		return objects.Object{}, err
	}
	if src.Size > b.o.CopyWhole {
		return b.copyParts(ctx, src, to)
	}
	return b.copyWhole(ctx, src, to)
}

func (b *bucket) copyWhole(ctx context.Context, src objects.Object, to string) (o objects.Object, err error) {
	in := &s3.CopyObjectInput{Bucket: &b.name, Key: &to, CopySource: b.source(src.Name), CopySourceIfMatch: condition(src.Version), RequestPayer: b.payer()}
	in.ServerSideEncryption, in.SSEKMSKeyId = b.encrypt()
	err = b.publish(ctx, op{"copy", src.Name}, found(func() error {
		out, err := b.client.CopyObject(ctx, in)
		if err != nil {
			return err
		}
		o = written(to, src.Size, nil, out.ResultMetadata)
		if r := out.CopyObjectResult; r != nil {
			o.Version = version(r.ETag, src.Size, nil)
			o.ModTime = aws.ToTime(r.LastModified)
		}
		return nil
	}))
	if err == nil {
		o = b.tagged(ctx, o)
	}
	return o, err
}

// source names an object as the header wants it.
func (b *bucket) source(name string) *string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(parts[i]), "+", "%20")
	}
	return aws.String(b.name + "/" + strings.Join(parts, "/"))
}

const (
	copyPart    = 512 << 20 // a minute at 10 MB/s inside the store
	copyAtATime = 8
)

// copyParts copies an object that is too large for one request.
func (b *bucket) copyParts(ctx context.Context, src objects.Object, to string) (objects.Object, error) {
	begun := &upload{b: b, name: to}
	in := &s3.CreateMultipartUploadInput{Bucket: &b.name, Key: &to, RequestPayer: b.payer()}
	in.ServerSideEncryption, in.SSEKMSKeyId = b.encrypt()
	err := b.do(ctx, op{"begin copy to", to}, func() error {
		out, err := b.client.CreateMultipartUpload(ctx, in)
		if err == nil {
			begun.id = out.UploadId
		}
		return err
	})
	if err != nil {
		return objects.Object{}, err
	}
	cut, err := begun.copyAll(ctx, src)
	if err == nil && isUntagged(src.Version) { // no part had a condition
		err = b.is(ctx, src)
	}
	if err != nil {
		return objects.Object{}, errors.Join(err, b.parts.Clean(ctx, cut, begun.Drop))
	}
	var o objects.Object
	err = objects.WhileRefused(ctx, func() (err error) {
		o, err = begun.Finish(ctx, len(begun.sent.parts))
		return err
	})
	if _, unknown := errors.AsType[*driver.Unknown](err); err != nil && !unknown {
		err = errors.Join(err, b.parts.Clean(ctx, false, begun.Drop))
	}
	return o, err
}

// is reports ErrChanged of an object that is not what it was.
func (b *bucket) is(ctx context.Context, was objects.Object) error {
	now, err := b.Head(ctx, was.Name)
	if err == nil && now.Version != was.Version {
		err = fmt.Errorf("object %q in bucket %q: %w", was.Name, b.name, driver.ErrChanged)
	}
	return err
}

// copyAll copies all parts of src, several at a time, each as patiently as parts are sent; the first error ends the rest. cut: the requests of some were given
// up.
func (u *upload) copyAll(ctx context.Context, src objects.Object) (cut bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	size := max(min(copyPart, u.b.o.CopyWhole), (src.Size+9_999)/10_000)
	slots := make(chan struct{}, copyAtATime)
	var wg sync.WaitGroup
	var left atomic.Bool
	for n, off := 1, int64(0); off < src.Size && ctx.Err() == nil; n, off = n+1, off+size {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			err := objects.Patiently(ctx, func() error {
				err := u.copyPart(ctx, src, n, off, min(size, src.Size-off))
				if err != nil && ctx.Err() != nil {
					left.Store(true)
				}
				return err
			})
			if err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return left.Load(), context.Cause(ctx)
}

func (u *upload) copyPart(ctx context.Context, src objects.Object, n int, off, size int64) error {
	in := &s3.UploadPartCopyInput{
		Bucket: &u.b.name, Key: &u.name, UploadId: u.id, PartNumber: aws.Int32(int32(n)), RequestPayer: u.b.payer(),
		CopySource: u.b.source(src.Name), CopySourceIfMatch: condition(src.Version), CopySourceRange: byteRange(off, size),
	}
	var out *s3.UploadPartCopyOutput
	err := u.b.do(ctx, op{"copy part of", src.Name}, found(func() (err error) {
		out, err = u.b.client.UploadPartCopy(ctx, in)
		return err
	}))
	if err == nil && (out.CopyPartResult == nil || out.CopyPartResult.ETag == nil) {
		err = u.b.named(op{"copy part of", src.Name}, errors.New("the store answered without an ETag"))
	}
	if err != nil {
		return err
	}
	u.sent.Lock()
	defer u.sent.Unlock()
	u.sent.parts = append(u.sent.parts, types.CompletedPart{PartNumber: in.PartNumber, ETag: out.CopyPartResult.ETag})
	u.sent.size += size
	return nil
}
