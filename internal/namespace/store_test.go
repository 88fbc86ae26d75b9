package namespace_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/namespace"
)

// TestNamesThatNoPathCanHave are what a store may list: they are left out, and the checkpoint opens.
func TestNamesThatNoPathCanHave(t *testing.T) {
	tree := namespace.New()
	require.NoError(t, do(t, tree, &namespace.Mount{Path: "/m", Place: "mem://x"}).Err)
	d := &namespace.Discover{Mount: "/m", SyncedAt: 1, Entries: []namespace.Found{{Path: "good"}}}
	for _, name := range []string{strings.Repeat("n", 256), "a//b", "/a", "a/", "..", "a/../b", ".", "a\x00b", strings.Repeat("d/", 2048) + "f"} {
		d.Entries = append(d.Entries, namespace.Found{Path: name}, namespace.Found{Path: name, Dir: true})
	}
	do(t, tree, d)
	list, _, err := tree.List("/m", nil, "", 100, nil)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NoError(t, namespace.New().Restore(bytes.NewReader(checkpoint(t, tree))))
}
