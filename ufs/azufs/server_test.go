package azufs_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/azufs"
	"github.com/millpond/millpond/ufs/driver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a container of the Azure Blob server that the environment names, and a client of its own.
type server struct {
	endpoint, name string
	c              *container.Client
}

// connect makes a container that the test's end removes.
func connect(t *testing.T) *server {
	endpoint := os.Getenv("MILLPOND_AZURE_ENDPOINT")
	if endpoint == "" {
		t.Skip("no MILLPOND_AZURE_ENDPOINT in the environment: make test-servers starts a server and sets it")
	}
	s := &server{endpoint: endpoint, name: "c" + strings.ToLower(rand.Text())}
	key, err := container.NewSharedKeyCredential(os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_KEY"))
	require.NoError(t, err)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	o := &container.ClientOptions{}
	o.Transport = &http.Client{Transport: transport}
	o.Retry = policy.RetryOptions{MaxRetries: -1}
	s.c, err = container.NewClientWithSharedKeyCredential(endpoint+"/"+s.name, key, o)
	require.NoError(t, err)
	_, err = s.c.Create(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := s.c.Delete(context.Background(), nil)
		require.NoError(t, err)
	})
	return s
}

// open opens a place with blocks of 1 MiB, so that files of some MiB have several.
func (s *server) open(tb testing.TB, prefix string) *ufs.Store {
	st, err := azufs.Open(tb.Context(), s.name, prefix, &azufs.Options{Endpoint: s.endpoint, PartSize: mib, InFlight: 4 * mib})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, st.Close()) })
	return st
}

// driver opens a place without the store around it.
func (s *server) driver(tb testing.TB, prefix string) driver.Store {
	d, _, err := azufs.OpenDriver(tb.Context(), s.name, prefix, azufs.Options{Endpoint: s.endpoint})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, d.Close()) })
	return d
}

// prefixOf is the place of a store of this container.
func (s *server) prefixOf(st *ufs.Store) string {
	_, prefix, _ := strings.Cut(st.ID(), "/"+s.name+"/")
	return prefix
}

// put uploads past the driver.
func (s *server) put(tb testing.TB, name string, data []byte, metadata map[string]*string) {
	_, err := s.c.NewBlockBlobClient(name).UploadBuffer(tb.Context(), data, &blockblob.UploadBufferOptions{Metadata: metadata})
	require.NoError(tb, err)
}

// leftovers counts the blobs below a prefix that have uncommitted blocks.
func (s *server) leftovers(tb testing.TB, prefix string) (n int) {
	pages := s.c.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix, Include: container.ListBlobsInclude{UncommittedBlobs: true}})
	for pages.More() {
		page, err := pages.NextPage(tb.Context())
		require.NoError(tb, err)
		for _, b := range page.Segment.BlobItems {
			if s.blocks(tb, *b.Name) > 0 {
				n++
			}
		}
	}
	return n
}

// blocks counts the uncommitted blocks of a name.
func (s *server) blocks(tb testing.TB, name string) int {
	list, err := s.c.NewBlockBlobClient(name).GetBlockList(tb.Context(), blockblob.BlockListTypeUncommitted, nil)
	require.NoError(tb, err)
	return len(list.UncommittedBlocks)
}
