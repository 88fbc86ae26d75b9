package hdfsufs

import (
	"context"
	"path"
	"time"

	"github.com/colinmarc/hdfs/v2"
)

// temp is a temporary file that a listing met.
type temp struct {
	path string
	st   *hdfs.FileStatus
}

// stale is the age of a temporary file that nobody writes any more: more than between its last byte and its rename, and
// than two clocks are apart.
const stale = 10 * time.Minute

// sweep removes temporary files that a crash left. The NameNode knows whether one is still written; it ends the lease of a
// writer that died after 20 minutes (dfs.namenode.lease-hard-limit-sec).
func (w *walk) sweep(ctx context.Context) {
	for _, t := range w.temps {
		if time.Since(time.UnixMilli(int64(t.st.GetModificationTime()))) < stale {
			continue
		}
		err := w.s.call(ctx, func(x *session) error {
			written, err := x.written(t.path)
			if err == nil && !written {
				_, err = x.remove(t.path)
			}
			return err
		})
		if err != nil {
			return // the next listing tries again; this one is none the worse
		}
	}
}

// dropTemps removes the temporary files of a directory that has nothing else, and reports whether it had such: they are of
// uploads that go nowhere without it.
func (x *session) dropTemps(dir string) (bool, error) {
	entries, more, _, err := x.list(dir, "")
	if err != nil || more || len(entries) == 0 {
		return false, err
	}
	for _, st := range entries {
		if !isTemp(string(st.GetPath())) {
			return false, nil
		}
	}
	for _, st := range entries {
		if _, err := x.remove(path.Join(dir, string(st.GetPath()))); err != nil {
			return false, err
		}
	}
	return true, nil
}
