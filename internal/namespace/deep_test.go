package namespace_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/namespace"
)

// One command makes as many directories as a path may have, each once, and inherits the pin all the way down. The next
// command begins with nothing of it.
func TestDeepestPath(t *testing.T) {
	tree, pin := namespace.New(), true
	require.NoError(t, do(t, tree, &namespace.Mkdir{Path: "/d"}).Err)
	require.NoError(t, do(t, tree, &namespace.SetAttr{Path: "/d", Pin: &pin}).Err)
	path := strings.Repeat("/d", 2_048)
	require.NoError(t, do(t, tree, &namespace.Mkdir{Path: path, Parents: true}).Err)
	require.NoError(t, do(t, tree, &namespace.Mkdir{Path: strings.Repeat("/e", 2_048), Parents: true}).Err)
	seen := map[uint64]bool{}
	for depth := 1; depth <= 2_048; depth++ {
		in, err := tree.Stat(path[:2*depth], nil)
		require.NoError(t, err)
		require.True(t, in.Dir && in.Pinned, "level %d", depth)
		require.False(t, seen[in.Ino])
		seen[in.Ino] = true
	}
	require.NoError(t, do(t, tree, &namespace.Remove{Path: "/d", Recursive: true}).Err)
	_, err := tree.Stat(path, nil)
	require.ErrorIs(t, err, namespace.ErrNotExist)
}

// BenchmarkCreateDeep makes a directory and those above it.
func BenchmarkCreateDeep(b *testing.B) {
	for _, depth := range []int{8, 128, 2_047} {
		b.Run(fmt.Sprint(depth), func(b *testing.B) {
			raw := (&namespace.Mkdir{Path: strings.Repeat("/d", depth), Parents: true}).Append(nil)
			b.ReportAllocs()
			for b.Loop() {
				a, err := namespace.DecodeAnswer(first(namespace.New().Apply(9, 9, raw)))
				require.NoError(b, err)
				require.NoError(b, a.Err)
			}
		})
	}
}

func first(raw []byte, _ []namespace.Effect) []byte { return raw }
