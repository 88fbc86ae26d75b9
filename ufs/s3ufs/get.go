package s3ufs

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/millpond/millpond/ufs/objects"
)

// Get is one GET with the version as its condition. Of one that is no ETag package ufs compares what the answer tells.
func (b *bucket) Get(ctx context.Context, name string, off, n int64, version_ string) (io.ReadCloser, objects.Object, error) {
	in := &s3.GetObjectInput{Bucket: &b.name, Key: &name, IfMatch: condition(version_), Range: byteRange(off, n), RequestPayer: b.payer()}
	var out *s3.GetObjectOutput
	err := b.do(ctx, op{"get", name}, found(func() (err error) {
		out, err = b.client.GetObject(ctx, in, s3.WithAPIOptions(askForSum))
		return err
	}))
	if err != nil {
		return nil, objects.Object{}, err
	}
	from, size, err := extent(out)
	o := objects.Object{Name: name, ModTime: aws.ToTime(out.LastModified), Version: version(out.ETag, size, out.LastModified)}
	if err == nil && from != off {
		err = fmt.Errorf("asked for bytes from %d, got them from %d", off, from)
	}
	if err != nil {
		out.Body.Close()
		return nil, objects.Object{}, fmt.Errorf("get %q in bucket %q: %w", name, b.name, err)
	}
	o.Size, o.Sum = size, sumOf(out)
	return out.Body, o, nil
}

// byteRange is a Range header; nil for the whole object, which may be empty.
func byteRange(off, n int64) *string {
	switch {
	case n >= 0:
		return aws.String(fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	case off > 0:
		return aws.String(fmt.Sprintf("bytes=%d-", off))
	}
	return nil
}

// askForSum asks for the object's checksum. The SDK's own way, ChecksumMode, would check bodies of ranges, too, against
// the sum of the whole object where a store tells that.
func askForSum(s *middleware.Stack) error {
	return smithyhttp.SetHeaderValue("X-Amz-Checksum-Mode", "ENABLED")(s)
}

// extent is where an answer begins in the object, and how long that is.
func extent(out *s3.GetObjectOutput) (from, size int64, err error) {
	text := aws.ToString(out.ContentRange)
	if text == "" {
		return 0, aws.ToInt64(out.ContentLength), nil
	}
	bad := fmt.Errorf("answer with Content-Range %q", text)
	where, total, ok := strings.Cut(strings.TrimPrefix(text, "bytes "), "/")
	first, _, ok2 := strings.Cut(where, "-")
	from, err = strconv.ParseInt(first, 10, 64)
	size, err2 := strconv.ParseInt(total, 10, 64)
	if !ok || !ok2 || err != nil || err2 != nil {
		return 0, 0, bad
	}
	return from, size, nil
}
