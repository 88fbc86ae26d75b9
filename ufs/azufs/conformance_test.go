package azufs_test

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/azufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestServerConformance(t *testing.T) {
	s := connect(t)
	ufstest.Run(t, ufstest.Harness{
		Open:   func(tb testing.TB) *ufs.Store { return s.open(tb, rand.Text()) },
		Second: func(tb testing.TB, st *ufs.Store) *ufs.Store { return s.open(tb, s.prefixOf(st)) },
		PutRaw: func(tb testing.TB, st *ufs.Store, key string, data []byte) {
			s.put(tb, s.prefixOf(st)+"/"+key, data, nil)
		},
		Leftovers: func(tb testing.TB, st *ufs.Store) int { return s.leftovers(tb, s.prefixOf(st)) },
		Deny:      func(tb testing.TB, st *ufs.Store, _ string) *ufs.Store { return s.stranger(tb, s.prefixOf(st)) },
	})
}

// stranger opens a place with a key that is not the account's.
func (s *server) stranger(tb testing.TB, prefix string) *ufs.Store {
	key, err := azblob.NewSharedKeyCredential(os.Getenv("AZURE_STORAGE_ACCOUNT"), base64.StdEncoding.EncodeToString([]byte("wrong")))
	require.NoError(tb, err)
	st, err := azufs.Open(tb.Context(), s.name, prefix, &azufs.Options{Endpoint: s.endpoint, Key: key})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, st.Close()) })
	return st
}
