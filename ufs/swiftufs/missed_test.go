package swiftufs_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
)

// TestServerMissed: Swift misses an object that is being replaced, and is asked once more before it is believed.
func TestServerMissed(t *testing.T) {
	s := connect(t)
	b := s.through(t, call)
	ctx := t.Context()
	require.NoError(t, b.write(t, "f", 'a', 100))
	is, err := b.store.Stat(ctx, "f")
	require.NoError(t, err)
	open := func(version string) func() error {
		return func() error {
			rc, _, err := b.store.Open(ctx, "f", 10, 20, version)
			if err != nil {
				return err
			}
			defer rc.Close()
			got, err := io.ReadAll(rc)
			require.Equal(t, bytes.Repeat([]byte("a"), 20), got)
			return err
		}
	}
	for _, c := range []struct {
		name, kind string
		do         func() error
		gone       error
	}{
		{"Stat", "head", func() error { _, err := b.store.Stat(ctx, "f"); return err }, ufs.ErrNotExist},
		{"a range", "get", open(""), ufs.ErrNotExist},
		{"a range of a version", "get", open(is.Version), ufs.ErrChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			for times, want := range map[int]error{1: nil, 2: c.gone} {
				b.Reset()
				b.On(faultproxy.Rule{Kinds: []string{c.kind}, Times: times, Fault: refuse(http.StatusNotFound, 0)})
				require.ErrorIs(t, c.do(), want)
				require.Equal(t, 2, b.Counts()[c.kind])
			}
		})
	}
}

// TestServerManifestReplaced: a large object that goes between the look at it and at its manifest is no error of who replaces or deletes
// it, and what has its name then is nobody's manifest.
func TestServerManifestReplaced(t *testing.T) {
	s := connect(t)
	b := s.through(t, call)
	require.NoError(t, b.write(t, "other", 'o', 2*mib))
	segments := s.names(t, s.name+"_segments", b.prefix+"/other/")
	require.Len(t, segments, 2)
	lookalike := fmt.Sprintf(`[{"name": "/%s_segments/%s"}]`, s.name, segments[0])
	for _, c := range []struct {
		name    string
		replace func()
		deleted error // what a deletion says then
	}{
		{"by a small one", func() { b.put(t, "f", "small") }, nil},
		{"by one that reads as a manifest", func() { b.put(t, "f", lookalike) }, nil},
		{"by nothing", func() { require.NoError(t, s.c.ObjectDelete(t.Context(), s.name, b.prefix+"/f")) }, ufs.ErrNotExist},
	} {
		meanwhile := func(do func() error) error {
			b.Reset()
			require.NoError(t, b.write(t, "f", 'f', 2*mib))
			var once sync.Once
			b.On(faultproxy.Rule{Kinds: []string{"manifest"}, Match: func(*http.Request) bool {
				once.Do(c.replace)
				return false
			}})
			return do()
		}
		require.ErrorIs(t, meanwhile(func() error { return b.store.Delete(t.Context(), "f") }), c.deleted, c.name)
		b.holds(t, "other", 'o', 2*mib)
		require.NoError(t, meanwhile(func() error { return b.write(t, "f", 'n', 7) }), c.name)
		b.holds(t, "f", 'n', 7)
		b.holds(t, "other", 'o', 2*mib)
	}
}
