package swiftufs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ncw/swift/v2"

	"github.com/millpond/millpond/ufs/driver"
)

// segmentsOf are the segments of a static large object as "container/name"; none of a plain one, or of what is not there, which is not
// looked for twice: most names that are written are new.
// A dynamic one's segments are left alone: others may use them.
func (b *bucket) segmentsOf(ctx context.Context, name string) ([]string, error) {
	r, err := b.call(ctx, swift.RequestOpts{Container: b.container, ObjectName: name, Operation: "HEAD", NoResponse: true})
	if err = read(err); errors.Is(err, driver.ErrNotExist) {
		return nil, nil
	}
	if err != nil || !static(r) {
		return nil, err
	}
	r, err = b.find(ctx, swift.RequestOpts{Container: b.container, ObjectName: name, Operation: "GET", Parameters: url.Values{"multipart-manifest": {"get"}}})
	if errors.Is(err, driver.ErrNotExist) {
		return nil, nil // it went meanwhile
	}
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	if !static(r) {
		return nil, nil // a plain one took its place; its content may look like a manifest
	}
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

// static reports whether an answer is about a static large object.
func static(r *http.Response) bool {
	return strings.EqualFold(r.Header.Get("X-Static-Large-Object"), "true")
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
