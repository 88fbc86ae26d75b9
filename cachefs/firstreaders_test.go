package cachefs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// TestFirstReaders is item 59 over the stores of the core.
func TestFirstReaders(t *testing.T) {
	dir, err := fileufs.Open(t.TempDir(), &fileufs.Options{UFS: &ufs.Options{DisableHedge: true}})
	require.NoError(t, err)
	defer dir.Close()
	for name, s := range map[string]*ufs.Store{"file": dir, "mem": memufs.New(nil).UFS()} {
		t.Run(name, func(t *testing.T) {
			cachefstest.FirstReaders(t, s, func(key string, data []byte) {
				w, err := s.Create(t.Context(), key, ufs.CreateOptions{})
				require.NoError(t, err)
				_, err = w.Write(data)
				require.NoError(t, err)
				_, err = w.Commit(t.Context())
				require.NoError(t, err)
			})
		})
	}
}
