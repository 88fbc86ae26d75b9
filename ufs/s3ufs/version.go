package s3ufs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/millpond/millpond/ufs/objects"
)

// untagged begins versions that are no ETag.
const untagged = "~"

// version is an ETag without its quotes. A gateway may have none for what it has not written itself, a file in the directory that it serves for
// example: then length and time are the version. Answers tell the time to the second, so that two writes of one length in a second are one.
func version(etag *string, size int64, modified *time.Time) string {
	if tag := strings.Trim(aws.ToString(etag), `"`); tag != "" || modified == nil {
		return tag
	}
	return fmt.Sprintf("%s%d-%d", untagged, size, modified.Unix())
}

// condition is a version as a header has it; nil for none, and for what no header has.
func condition(version string) *string {
	if version == "" || isUntagged(version) {
		return nil
	}
	return aws.String(`"` + version + `"`)
}

func isUntagged(version string) bool { return strings.HasPrefix(version, untagged) }

// tagged is what was just published, as o, with the version that others will see: the store is asked where it has not told an ETag.
func (b *bucket) tagged(ctx context.Context, o objects.Object) objects.Object {
	if o.Version == "" {
		if seen, err := b.Head(ctx, o.Name); err == nil && seen.Size == o.Size {
			return seen
		}
	}
	return o
}
