package swiftufs_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/ncw/swift/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/swiftufs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mib = 1 << 20 // of a segment in these tests

// server is a container of the server that the environment names, and a stranger's connection to it.
type server struct {
	name string
	c    *swift.Connection
}

// connect makes a container that the test's end removes, with what is left in it.
func connect(t *testing.T) *server {
	if os.Getenv("ST_AUTH") == "" {
		t.Skip("no ST_AUTH in the environment: make test-servers starts a server and sets it")
	}
	s := &server{name: "c" + strings.ToLower(rand.Text()), c: &swift.Connection{}}
	require.NoError(t, s.c.ApplyEnvironment())
	ctx := context.Background()
	require.NoError(t, s.c.ContainerCreate(ctx, s.name, nil))
	t.Cleanup(func() {
		for _, container := range []string{s.name, s.name + "_segments"} {
			for _, name := range s.names(t, container, "") {
				require.NoError(t, s.c.ObjectDelete(ctx, container, name))
			}
			if err := s.c.ContainerDelete(ctx, container); err != swift.ContainerNotFound {
				require.NoError(t, err)
			}
		}
		s.c.Transport.(interface{ CloseIdleConnections() }).CloseIdleConnections()
	})
	return s
}

// names are those of a container's objects, none if there is no container.
func (s *server) names(tb testing.TB, container, prefix string) []string {
	all, err := s.c.ObjectNamesAll(context.Background(), container, &swift.ObjectsOpts{Prefix: prefix})
	if err != swift.ContainerNotFound {
		require.NoError(tb, err)
	}
	return all
}

// leftovers are the segments below a prefix that no manifest names.
func (s *server) leftovers(tb testing.TB, prefix string) []string {
	used := map[string]bool{}
	for _, name := range s.names(tb, s.name, prefix) {
		_, h, err := s.c.Object(tb.Context(), s.name, name)
		require.NoError(tb, err)
		if !h.IsLargeObject() {
			continue
		}
		_, segments, err := s.c.LargeObjectGetSegments(tb.Context(), s.name, name)
		require.NoError(tb, err)
		for _, seg := range segments {
			used[seg.Name] = true
		}
	}
	var left []string
	for _, seg := range s.names(tb, s.name+"_segments", prefix) {
		if !used[seg] {
			left = append(left, seg)
		}
	}
	return left
}

// open opens a place with segments of 1 MiB, so that files of some MiB have several.
func (s *server) open(tb testing.TB, prefix string) *ufs.Store {
	st, err := swiftufs.Open(tb.Context(), s.name, prefix, &swiftufs.Options{PartSize: mib, InFlight: 4 * mib})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, st.Close()) })
	return st
}

// prefixOf is the place of a store of this container.
func (s *server) prefixOf(st *ufs.Store) string {
	_, prefix, _ := strings.Cut(st.ID(), "/"+s.name+"/")
	return prefix
}
