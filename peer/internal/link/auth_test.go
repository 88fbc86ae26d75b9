package link_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/link"
)

func TestOneSecretTwoWays(t *testing.T) {
	for _, encrypt := range []bool{false, true} {
		m := newMesh(t)
		secure := func(secrets ...string) func(*link.Config) {
			return func(c *link.Config) { c.Secrets, c.Encrypt = secrets, encrypt }
		}
		a := m.add("a", &handler{}, secure("old", "new"))
		b := m.add("b", &handler{block: lend(random(1 << 20))}, secure("new", "old"))
		x := m.add("x", &handler{}, secure("other"))
		dst := make([]byte, 1<<20)
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: 1 << 20}, [][]byte{dst}, nil)
		require.NoError(t, err)
		require.Equal(t, random(1<<20), dst)
		_, err = b.Call(t.Context(), "a", "x", nil)
		require.ErrorAs(t, err, new(*link.RemoteError))
		_, err = x.Call(t.Context(), "a", "x", nil)
		require.ErrorIs(t, err, link.ErrSecret)
		_, err = a.Call(t.Context(), "x", "x", nil)
		require.ErrorIs(t, err, link.ErrSecret)
		require.ErrorIs(t, err, link.ErrUnreachable)
	}
}
