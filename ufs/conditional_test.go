package ufs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// TestReplaceVersionRefused: what a store cannot do is said before anything is sent.
func TestReplaceVersionRefused(t *testing.T) {
	for name, c := range map[string]struct {
		hide func(c *driver.Caps)
		o    ufs.CreateOptions
		want error
	}{
		"a store without it": {func(c *driver.Caps) { c.ReplaceVersion = false }, ufs.CreateOptions{IfVersion: "v"}, ufs.ErrUnsupported},
		"both conditions":    {func(c *driver.Caps) { c.ReplaceVersion = true }, ufs.CreateOptions{IfVersion: "v", IfAbsent: true}, ufs.ErrInvalid},
	} {
		bubble(t, ufs.Options{}, c.hide, func(w *world) {
			require.Empty(w, w.made(func() {
				_, err := w.s.Create(w.Context(), "f", c.o)
				require.ErrorIs(w, err, c.want, name)
			}))
		})
	}
}
