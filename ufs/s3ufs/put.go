package s3ufs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// Put begins an object: one PUT if it fits a part, else a multipart upload.
func (b *bucket) Put(ctx context.Context, name string, o objects.PutOptions) (objects.Upload, error) {
	return b.parts.Upload(ctx, &upload{b: b, name: name, ifAbsent: o.IfAbsent, ifVersion: o.IfVersion}, max(o.Size, 0)), nil
}

// upload is an objects.Multipart. Everything but sent is fixed after Begin.
type upload struct {
	b         *bucket
	name      string
	ifAbsent  bool
	ifVersion string  // "" for no condition
	id        *string // of the multipart upload
	sums      bool    // its parts have checksums
	sent      struct {
		sync.Mutex
		parts []types.CompletedPart
		size  int64
	}
}

func (u *upload) Whole(ctx context.Context, body *objects.Body) (o objects.Object, err error) {
	err = u.published(ctx, func(c conditions) error {
		return u.b.withSum(func(sums bool) error {
			in := &s3.PutObjectInput{
				Bucket: &u.b.name, Key: &u.name, ContentLength: aws.Int64(body.Len()), IfNoneMatch: c.none, IfMatch: c.match, RequestPayer: u.b.payer(),
			}
			in.ServerSideEncryption, in.SSEKMSKeyId = u.b.encrypt()
			if sums {
				in.ChecksumCRC32C = crc32c(body)
			}
			return u.b.publish(ctx, op{"put", u.name}, func() error {
				in.Body = body.Reader()
				out, err := u.b.client.PutObject(ctx, in, u.b.unsigned)
				if err == nil {
					o = written(u.name, body.Len(), out.ETag, out.ResultMetadata)
				}
				return err
			})
		})
	})
	return o, err
}

// conditions are headers of a request that publishes; nil for none.
type conditions struct{ none, match *string }

// published calls put with the condition that the upload has. A store that has no such condition is asked first: then
// two may both find what they want, and the later one's object stays.
func (u *upload) published(ctx context.Context, put func(c conditions) error) error {
	lack, c := &u.b.lacks.ifAbsent, conditions{none: aws.String("*")}
	switch {
	case u.ifVersion != "":
		lack, c = &u.b.lacks.ifMatch, conditions{match: condition(u.ifVersion)}
	case !u.ifAbsent:
		return put(conditions{})
	}
	return u.overVersion(without(lack, func(conditional bool) error {
		if conditional && !isUntagged(u.ifVersion) {
			return put(c)
		}
		if err := u.look(ctx); err != nil {
			return err
		}
		return put(conditions{})
	}))
}

// look is the condition of an upload, asked before it.
func (u *upload) look(ctx context.Context) error {
	o, err := u.b.Head(ctx, u.name)
	missing := errors.Is(err, driver.ErrNotExist)
	switch {
	case u.ifVersion != "" && (missing || err == nil && o.Version != u.ifVersion):
		return driver.ErrChanged
	case u.ifVersion == "" && missing:
		return nil
	case u.ifVersion == "" && err == nil:
		return driver.ErrExist
	}
	return err
}

// overVersion gives the refusals of a request that was to replace a version their meaning: there is another, or none.
func (u *upload) overVersion(err error) error {
	if u.ifVersion != "" && (errors.Is(err, driver.ErrExist) || code(err) == "NoSuchKey") {
		return fmt.Errorf("%w: %v", driver.ErrChanged, err)
	}
	return err
}

func (u *upload) Begin(ctx context.Context) error {
	return u.b.withSum(func(sums bool) error {
		in := &s3.CreateMultipartUploadInput{Bucket: &u.b.name, Key: &u.name, RequestPayer: u.b.payer()}
		in.ServerSideEncryption, in.SSEKMSKeyId = u.b.encrypt()
		if sums {
			in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc32c, types.ChecksumTypeFullObject
		}
		return u.b.do(ctx, op{"begin upload of", u.name}, func() error {
			out, err := u.b.client.CreateMultipartUpload(ctx, in)
			if err == nil {
				u.id, u.sums = out.UploadId, sums
			}
			return err
		})
	})
}

func (u *upload) Part(ctx context.Context, n int, body *objects.Body) error {
	in := &s3.UploadPartInput{
		Bucket: &u.b.name, Key: &u.name, UploadId: u.id, PartNumber: aws.Int32(int32(n)), ContentLength: aws.Int64(body.Len()), RequestPayer: u.b.payer(),
	}
	if u.sums {
		in.ChecksumCRC32C = crc32c(body)
	}
	var out *s3.UploadPartOutput
	err := u.b.do(ctx, op{"send part of", u.name}, func() (err error) {
		in.Body = body.Reader()
		out, err = u.b.client.UploadPart(ctx, in, u.b.unsigned)
		return err
	})
	if err != nil {
		return err
	}
	u.sent.Lock()
	defer u.sent.Unlock()
	u.sent.parts = append(u.sent.parts, types.CompletedPart{PartNumber: in.PartNumber, ETag: out.ETag, ChecksumCRC32C: in.ChecksumCRC32C})
	u.sent.size += body.Len()
	return nil
}

func (u *upload) Finish(ctx context.Context, parts int) (o objects.Object, err error) {
	err = u.published(ctx, func(c conditions) (err error) {
		o, err = u.b.finish(ctx, u.name, u.id, u.sent.parts, u.sent.size, c)
		return err
	})
	return o, err
}

// finish makes the parts an object of size bytes. Old stores take parts with sums, and then no list of them that has the
// sums in it.
func (b *bucket) finish(ctx context.Context, name string, id *string, parts []types.CompletedPart, size int64, c conditions) (o objects.Object, err error) {
	slices.SortFunc(parts, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	complete := func(parts []types.CompletedPart, kind types.ChecksumType) error {
		in := &s3.CompleteMultipartUploadInput{
			Bucket: &b.name, Key: &name, UploadId: id, IfNoneMatch: c.none, IfMatch: c.match, RequestPayer: b.payer(), ChecksumType: kind,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		}
		return b.publish(ctx, op{"complete upload of", name}, func() error {
			out, err := b.client.CompleteMultipartUpload(ctx, in)
			if err == nil {
				o = written(name, size, out.ETag, out.ResultMetadata)
			}
			return err
		})
	}
	if len(parts) == 0 || parts[0].ChecksumCRC32C == nil {
		err = complete(parts, "")
		return o, err
	}
	err = b.withSum(func(sums bool) error {
		if sums {
			return complete(parts, types.ChecksumTypeFullObject)
		}
		return complete(withoutSums(parts), "")
	})
	return o, err
}

func withoutSums(parts []types.CompletedPart) []types.CompletedPart {
	bare := slices.Clone(parts)
	for i := range bare {
		bare[i].ChecksumCRC32C = nil
	}
	return bare
}

func (u *upload) Drop(ctx context.Context) error { return u.b.drop(ctx, u.name, u.id) }

// drop leaves no part of an upload. One that the store does not know has none.
func (b *bucket) drop(ctx context.Context, name string, id *string) error {
	err := b.do(ctx, op{"abort upload of", name}, func() error {
		_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.name, Key: &name, UploadId: id, RequestPayer: b.payer()})
		return err
	})
	if errors.Is(err, driver.ErrNotExist) {
		return nil
	}
	return err
}

// encrypt is what new objects are encrypted with; nothing for the bucket's default.
func (b *bucket) encrypt() (types.ServerSideEncryption, *string) {
	algorithm, key := b.o.encryption()
	return algorithm, text(key)
}

// unsigned leaves the hash of a body out of the signature where TLS guards it: SHA-256 costs more than all the rest.
func (b *bucket) unsigned(o *s3.Options) {
	if b.encrypted() {
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	}
}
