package inodes_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/inodes"
)

func FuzzVersion(f *testing.F) {
	for _, s := range []string{"", "0", "01", "+1", "1-2-3", "-", "1--2", "abcd", "ABCD", `"abcd"`, `""`, "18446744073709551615", "9223372036854775807-7"} {
		f.Add(s, int64(7), int64(2))
	}
	f.Fuzz(func(t *testing.T, s string, size, mod int64) {
		table := inodes.New()
		ino := table.Alloc()
		table.Put(&inodes.Inode{Ino: ino, Parent: inodes.Root, Name: "f", Size: size, ModTime: mod, Version: inodes.VersionOf(s), Complete: true})
		var in inodes.Inode
		require.True(t, table.Get(ino, &in))
		require.Equal(t, s, in.Version.String())
		in.Size++ // what was packed against the old size is the same version still
		table.Put(&in)
		require.True(t, table.Get(ino, &in))
		require.Equal(t, s, in.Version.String())
	})
}

func TestVersionsOfStoresAreSmall(t *testing.T) {
	for _, c := range []struct {
		version string
		most    int // bytes beside a name
	}{
		{fmt.Sprintf("%d-%d-%d", 4<<20, int64(1764000000_123456789), 77_000_000), 8},
		{`"d41d8cd98f00b204e9800998ecf8427e"`, 18},
		{"d41d8cd98f00b204e9800998ecf8427e", 18},
	} {
		require.LessOrEqual(t, inodes.PackedLen(c.version, 4<<20, 1764000000_123456789), c.most, c.version)
	}
}
