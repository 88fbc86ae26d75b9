package swiftufs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
)

// TestServerRequests asserts the table of the package's description.
func TestServerRequests(t *testing.T) {
	s := connect(t)
	b := s.through(t, call)
	require.Equal(t, map[string]int{"login": 1}, b.Counts(), "opening the place")
	ctx := t.Context()
	const size = 3*mib + 1 // 4 segments
	for _, c := range []struct {
		name string
		do   func() error
		want map[string]int
	}{
		{"a file of one segment", func() error { return b.write(t, "small", 'a', 7) }, map[string]int{"head": 1, "put": 1}},
		{"a file of four", func() error { return b.write(t, "large", 'a', size) }, map[string]int{"container": 1, "part": 4, "complete": 1, "head": 2}},
		{"over it one of four", func() error { return b.write(t, "large", 'b', size) }, map[string]int{"container": 1, "part": 4, "complete": 1, "head": 2, "manifest": 1, "delete segment": 4}},
		{"Stat", func() error { _, err := b.store.Stat(ctx, "large"); return err }, map[string]int{"head": 1}},
		{"a range", func() error { _, err := b.store.ReadAt(ctx, "large", "", make([]byte, mib), mib); return err }, map[string]int{"get": 1}},
		{"Open of what is missing", func() error {
			_, _, err := b.store.Open(ctx, "nothing", 0, -1, "")
			require.ErrorIs(t, err, ufs.ErrNotExist)
			return nil
		}, map[string]int{"get": 2, "list": 1}},
		{"Stat of what is missing", func() error {
			_, err := b.store.Stat(ctx, "nothing")
			require.ErrorIs(t, err, ufs.ErrNotExist)
			return nil
		}, map[string]int{"head": 2, "list": 1}},
		{"a listing", func() error { _, err := b.store.ListPage(ctx, ufs.ListOptions{}); return err }, map[string]int{"list": 1}},
		{"an upload that is aborted", func() error {
			w, err := b.store.Create(ctx, "given up", ufs.CreateOptions{})
			require.NoError(t, err)
			_, err = w.Write(make([]byte, size))
			require.NoError(t, err)
			return w.Abort(ctx)
		}, map[string]int{"container": 1, "part": 3, "delete segment": 3}},
		{"over a file of four one of one", func() error { return b.write(t, "large", 'c', 7) }, map[string]int{"head": 1, "put": 1, "manifest": 1, "delete segment": 4}},
		{"Delete", func() error { return b.store.Delete(ctx, "small") }, map[string]int{"head": 2, "delete": 1}},
		{"another of four", func() error { return b.write(t, "large", 'd', size) }, map[string]int{"container": 1, "part": 4, "complete": 1, "head": 2}},
		{"Delete of a file of four", func() error { return b.store.Delete(ctx, "large") }, map[string]int{"head": 2, "manifest": 1, "delete": 1, "delete segment": 4}},
	} {
		b.Reset()
		require.NoError(t, c.do(), c.name)
		require.Equal(t, c.want, b.Counts(), c.name)
	}
}
