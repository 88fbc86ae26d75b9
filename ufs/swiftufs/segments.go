package swiftufs

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/ncw/swift/v2"

	"github.com/millpond/millpond/ufs/driver"
)

// segmentsOf are the segments of a static large object as "container/name"; none of a plain one, or of what is not there.
// A dynamic one's segments are left alone: others may use them.
func (b *bucket) segmentsOf(ctx context.Context, name string) ([]string, error) {
	r, err := b.call(ctx, swift.RequestOpts{Container: b.container, ObjectName: name, Operation: "HEAD", NoResponse: true})
	if err = read(err); errors.Is(err, driver.ErrNotExist) {
		return nil, nil
	}
	if err != nil || !strings.EqualFold(r.Header.Get("X-Static-Large-Object"), "true") {
		return nil, err
	}
	r, err = b.call(ctx, swift.RequestOpts{Container: b.container, ObjectName: name, Operation: "GET", Parameters: url.Values{"multipart-manifest": {"get"}}})
	if err != nil {
		return nil, read(err)
	}
	defer r.Body.Close()
	var manifest []struct {
		Name string `json:"name"` // "/container/name"
	}
	if err := json.NewDecoder(r.Body).Decode(&manifest); err != nil {
		return nil, err
	}
	var all []string
	for _, m := range manifest {
		all = append(all, strings.TrimPrefix(m.Name, "/"))
	}
	return all, nil
}

// deleteSegments deletes what nothing names any more. It goes on after errors and answers them joined; a segment that is
// not there is none.
func (b *bucket) deleteSegments(ctx context.Context, segments []string) error {
	var bad []error
	for _, s := range segments {
		container, name, _ := strings.Cut(s, "/")
		_, err := b.call(ctx, swift.RequestOpts{Container: container, ObjectName: name, Operation: "DELETE", NoResponse: true})
		if err = read(err); err != nil && !errors.Is(err, driver.ErrNotExist) {
			bad = append(bad, err)
		}
	}
	return errors.Join(bad...)
}
