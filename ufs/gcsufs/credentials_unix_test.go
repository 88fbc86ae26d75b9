//go:build unix

package gcsufs_test

import (
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/gcsufs"
)

// TestCredentialsAreLeftAlone: who signs by himself, or not at all, has no use for those of the machine, and a look for
// them may ask a metadata service. Those of this machine are a pipe, which tells that somebody opened it.
func TestCredentialsAreLeftAlone(t *testing.T) {
	name := t.TempDir() + "/credentials.json"
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", name)
	var opened, over atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !over.Load() {
			f, err := os.OpenFile(name, os.O_WRONLY, 0) // waits for a reader
			assert.NoError(t, err)
			opened.Store(true)
			assert.NoError(t, f.Close())
		}
	})
	defer func() {
		over.Store(true)
		f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // open until the other has seen it
		require.NoError(t, err)
		wg.Wait()
		require.NoError(t, f.Close())
	}()
	for _, o := range []*gcsufs.Options{{Anonymous: true}, {Client: &http.Client{}}} {
		s, err := gcsufs.Open(t.Context(), "box", "", o)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		require.False(t, opened.Load())
	}
}
