package s3ufs

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/millpond/millpond/ufs/objects"
)

// List is one ListObjectsV2. Names come escaped: XML cannot hold all of them.
func (b *bucket) List(ctx context.Context, q objects.Query) (objects.Answer, error) {
	in := &s3.ListObjectsV2Input{
		Bucket: &b.name, Prefix: text(q.Prefix), Delimiter: text(q.Delimiter), StartAfter: text(q.StartAfter), ContinuationToken: text(q.Token),
		EncodingType: types.EncodingTypeUrl, RequestPayer: b.payer(),
	}
	if q.Limit > 0 {
		in.MaxKeys = aws.Int32(int32(min(q.Limit, pageSize)))
	}
	var out *s3.ListObjectsV2Output
	err := b.do(ctx, op{"list", q.Prefix}, func() (err error) {
		out, err = b.client.ListObjectsV2(ctx, in)
		return err
	})
	if err != nil {
		return objects.Answer{}, err
	}
	return answer(out)
}

func answer(out *s3.ListObjectsV2Output) (a objects.Answer, err error) {
	name := func(s *string) string {
		if out.EncodingType != types.EncodingTypeUrl {
			return aws.ToString(s)
		}
		plain, e := url.QueryUnescape(aws.ToString(s))
		if e != nil {
			err = fmt.Errorf("listing has the name %q: %w", aws.ToString(s), e)
		}
		return plain
	}
	for _, o := range out.Contents {
		a.Objects = append(a.Objects, objects.Object{Name: name(o.Key), Size: aws.ToInt64(o.Size), ModTime: aws.ToTime(o.LastModified), Version: version(o.ETag, aws.ToInt64(o.Size), o.LastModified)})
	}
	for _, p := range out.CommonPrefixes {
		a.Prefixes = append(a.Prefixes, name(p.Prefix))
	}
	if aws.ToBool(out.IsTruncated) {
		a.Token = aws.ToString(out.NextContinuationToken)
	}
	return a, err
}

// text is a field of a request; nil leaves it out.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
