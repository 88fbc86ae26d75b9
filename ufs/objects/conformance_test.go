package objects_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestChecksum(t *testing.T) {
	ufstest.Checksum(t, objects.New(objectstest.New(&objectstest.Options{Sums: true}), "place/"))
}

// TestConformance runs the table over a bucket with small pages, and over one that lacks what a bucket may lack.
func TestConformance(t *testing.T) {
	for name, o := range map[string]*objectstest.Options{
		"whole": {PageSize: 7},
		"parts": {PageSize: 50, Parts: objects.NewParts(1<<20, 4<<20)},
		"poor":  {PageSize: 50, Lacks: objects.Features{IfAbsent: true, IfVersion: true, Copy: true, BatchDelete: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			raw := map[*ufs.Store]*objectstest.Bucket{}
			ufstest.Run(t, ufstest.Harness{
				Open: func(tb testing.TB) *ufs.Store {
					b := objectstest.New(o)
					s, err := ufs.New(objects.New(b, "place/"), "test://bucket/place", nil)
					require.NoError(tb, err)
					raw[s] = b
					return s
				},
				PutRaw: func(tb testing.TB, s *ufs.Store, key string, data []byte) {
					u, err := raw[s].Put(tb.Context(), "place/"+key, objects.PutOptions{})
					require.NoError(tb, err)
					_, err = u.Write(data)
					require.NoError(tb, err)
					_, err = u.Commit(tb.Context())
					require.NoError(tb, err)
				},
			})
		})
	}
}
