package journal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
)

func TestKVStays(t *testing.T) {
	cfg := journal.Config{Dir: t.TempDir()}
	j, _ := open(t, cfg)
	require.NoError(t, j.KV().Put("job/1", []byte("half")))
	require.NoError(t, j.KV().Put("job/2", nil))
	require.NoError(t, j.KV().Put("other", []byte("x")))
	require.NoError(t, j.KV().Delete("job/9"))
	require.NoError(t, j.Close(t.Context()))
	j, _ = open(t, cfg)
	keys, err := j.KV().List("job/")
	require.NoError(t, err)
	require.Equal(t, []string{"job/1", "job/2"}, keys)
	v, ok, err := j.KV().Get("job/1")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "half", string(v))
	require.NoError(t, j.KV().Delete("job/1"))
	_, ok, err = j.KV().Get("job/1")
	require.NoError(t, err)
	require.False(t, ok)
}
