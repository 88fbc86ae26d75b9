package cachefstest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// Apart is for a driver's tests: no place is mounted twice. While the first URL is, those in same are refused, which name its place
// otherwise, or one in it or around it; those in others are let in. All the places exist.
func Apart(t *testing.T, first string, same, others []string) {
	t.Helper()
	n, err := cachefs.Open(t.Context(), cachefs.Config{})
	require.NoError(t, err)
	defer n.Close()
	require.NoError(t, n.Mount(t.Context(), "/first", first, nil))
	for _, url := range append([]string{first}, same...) {
		err := n.Mount(t.Context(), "/second", url, nil)
		require.ErrorIs(t, err, cachefs.ErrInvalid, url)
		require.ErrorContains(t, err, "which is mounted at /first; mount a place apart from it", url)

		c := cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/first", URL: url}, {Path: "/second", URL: first}}}
		twice, err := cachefs.Open(t.Context(), c)
		if err == nil {
			twice.Close()
		}
		require.ErrorIs(t, err, cachefs.ErrInvalid, url)
		require.ErrorContains(t, err, "a place apart from", url)
	}
	for _, url := range others {
		require.NoError(t, n.Mount(t.Context(), "/second", url, nil), url)
		require.NoError(t, n.Unmount(t.Context(), "/second", nil), url)
	}
}
