package objectstest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

// The rule is asserted of the fake as it is of real servers.
func TestAwkwardNames(t *testing.T) {
	for _, size := range []int{1, 3, 1000} {
		b := objectstest.New(&objectstest.Options{PageSize: size})
		s, err := ufs.New(objects.New(b, "p/"), "test://p", nil)
		require.NoError(t, err)
		objectstest.AwkwardNames(t, s, "p", func(name string, data []byte) error { b.Set(name, string(data)); return nil }, b.Names)
		require.NoError(t, s.Close())
	}
}
