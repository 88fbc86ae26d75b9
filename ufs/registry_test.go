package ufs_test

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestNoSecretInErrors opens URLs that hold a secret where none belongs.
func TestNoSecretInErrors(t *testing.T) {
	ufs.Register("refusing", func(context.Context, *url.URL) (driver.Store, string, error) {
		return nil, "", errors.New("no such bucket")
	})
	for _, raw := range []string{
		"refusing://bucket/p?secret_key=hunter2",
		"refusing://me:hunter2@bucket/p",
		"refusing://me:hunter2/x@bucket/p",
		"refusing://bucket/%zz?secret=hunter2",
		"nowhere://me:hunter2@bucket",
	} {
		_, err := ufs.Open(t.Context(), raw, nil)
		require.Error(t, err, raw)
		require.NotContains(t, err.Error(), "hunter2")
		require.Contains(t, err.Error(), raw[:7], "the scheme is told")
	}
	_, err := ufs.Open(t.Context(), "refusing://bucket/%zz", nil)
	require.ErrorContains(t, err, `"%zz"`, "what is wrong is told where it can be no secret")
}
