package s3ufs_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	smithy "github.com/aws/smithy-go"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/s3ufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// place is a fresh prefix.
func place() string { return fmt.Sprintf("place-%08x/", rand.Uint32()) }

// TestServerConformance runs the table against a real server, in parts of 5 MiB so that several are sent.
func TestServerConformance(t *testing.T) {
	v := realServer(t)
	prefixes := map[*ufs.Store]string{}
	o := s3ufs.Options{PartSize: 5 << 20}
	ufstest.Run(t, ufstest.Harness{
		Open: func(tb testing.TB) *ufs.Store {
			prefix := place()
			s := v.open(tb, prefix, o)
			prefixes[s] = prefix
			return s
		},
		Second:    func(tb testing.TB, s *ufs.Store) *ufs.Store { return v.open(tb, prefixes[s], o) },
		PutRaw:    func(tb testing.TB, s *ufs.Store, key string, data []byte) { v.put(tb, prefixes[s]+key, data) },
		Leftovers: func(tb testing.TB, s *ufs.Store) int { return v.uploads(tb, prefixes[s]) },
		Deny: func(tb testing.TB, s *ufs.Store, _ string) *ufs.Store {
			return v.open(tb, prefixes[s], s3ufs.Options{Credentials: &keys{from: 1000}})
		},
	})
}
