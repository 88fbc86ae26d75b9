package s3ufs

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// mostDeleted is how many names S3 takes in one request.
const mostDeleted = 1000

// DeleteBatch is one DeleteObjects, or, at a store that has none, a DELETE for each name.
func (b *bucket) DeleteBatch(ctx context.Context, names []string) (failed map[string]error, err error) {
	err = without(&b.lacks.batch, func(batch bool) error {
		if !batch {
			failed = b.deleteEach(ctx, names)
			return nil
		}
		failed, err = b.deleteTogether(ctx, names)
		return err
	})
	return failed, err
}

func (b *bucket) deleteTogether(ctx context.Context, names []string) (map[string]error, error) {
	ids := make([]types.ObjectIdentifier, len(names))
	for i := range names {
		ids[i].Key = &names[i]
	}
	var out *s3.DeleteObjectsOutput
	err := b.do(ctx, op{"delete objects like", names[0]}, func() (err error) {
		out, err = b.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: &b.name, Delete: &types.Delete{Objects: ids, Quiet: aws.Bool(true)}, RequestPayer: b.payer(),
		})
		return err
	})
	if err != nil || len(out.Errors) == 0 {
		return nil, err
	}
	failed := make(map[string]error, len(out.Errors))
	for _, e := range out.Errors {
		if code := aws.ToString(e.Code); code != "NoSuchKey" {
			failed[aws.ToString(e.Key)] = b.named(op{"delete", aws.ToString(e.Key)}, refused(code, aws.ToString(e.Message)))
		}
	}
	return failed, nil
}

// deleteEach deletes one after the other.
func (b *bucket) deleteEach(ctx context.Context, names []string) map[string]error {
	failed := map[string]error{}
	for _, n := range names {
		if err := b.Delete(ctx, n); err != nil {
			failed[n] = err
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return failed
}

// refused is why one object of a batch stays.
func refused(code, message string) error {
	err := fmt.Errorf("%s: %s", code, message)
	if m := meaningOf(code, 0); m != nil {
		return join(m, err, 0)
	}
	return err
}
