package s3ufs

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/millpond/millpond/ufs/objects"
)

// bucket is an objects.Bucket. It is fixed after open, but for what it learns about the store.
type bucket struct {
	name        string
	region      string
	o           Options
	client      *s3.Client
	http        *http.Client          // the caller's or ours
	credentials *aws.CredentialsCache // nil: none that can expire
	parts       *objects.Parts
	lacks       lacks
	middleware  []func(*middleware.Stack) error // for tests
}

// pageSize is how many names S3 answers at most.
const pageSize = 1000

func (b *bucket) Features() objects.Features {
	f := objects.Features{IfAbsent: !b.lacks.ifAbsent.Load(), IfVersion: true, ReplaceVersion: !b.lacks.noMatch(), Copy: true, PageSize: pageSize}
	if !b.lacks.batch.Load() {
		f.BatchDelete = mostDeleted
	}
	return f
}

func (b *bucket) Close() error {
	b.parts.Close()
	if b.o.HTTPClient == nil && b.http != nil {
		b.http.CloseIdleConnections()
	}
	return nil
}

// payer says that we pay, if we do.
func (b *bucket) payer() types.RequestPayer {
	if b.o.RequesterPays {
		return types.RequestPayerRequester
	}
	return ""
}

func (b *bucket) Head(ctx context.Context, name string) (objects.Object, error) {
	var out *s3.HeadObjectOutput
	err := b.do(ctx, op{"head", name}, found(func() (err error) {
		out, err = b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &name, RequestPayer: b.payer()})
		return err
	}))
	if err != nil {
		return objects.Object{}, err
	}
	return objects.Object{Name: name, Size: aws.ToInt64(out.ContentLength), ModTime: aws.ToTime(out.LastModified), Version: version(out.ETag, aws.ToInt64(out.ContentLength), out.LastModified)}, nil
}

func (b *bucket) Delete(ctx context.Context, name string) error {
	return b.do(ctx, op{"delete", name}, func() error {
		_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &name, RequestPayer: b.payer()})
		return err
	})
}

// DeleteVersion deletes an object if it has that ETag, as far as the store looks: S3 does, those that are like it may not, and
// nothing tells. So it is no feature.
func (b *bucket) DeleteVersion(ctx context.Context, name, version string) error {
	if isUntagged(version) {
		return b.Delete(ctx, name) // objects has just looked
	}
	return without(&b.lacks.deletion, func(with bool) error {
		if !with {
			return b.Delete(ctx, name)
		}
		return b.do(ctx, op{"delete", name}, func() error {
			_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &name, RequestPayer: b.payer(), IfMatch: condition(version)})
			return err
		})
	})
}

// written describes an object that was just published: S3 tells its ETag, and its time only by the answer's date.
func written(name string, size int64, etag *string, m middleware.Metadata) objects.Object {
	at, ok := awsmiddleware.GetServerTime(m)
	if !ok {
		at = time.Now()
	}
	return objects.Object{Name: name, Size: size, ModTime: at, Version: version(etag, size, nil)}
}
