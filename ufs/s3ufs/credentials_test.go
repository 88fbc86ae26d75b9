package s3ufs_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// noCredentials keeps a test from those of the machine.
func noCredentials(t *testing.T) {
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
	} {
		t.Setenv(name, "")
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// Who has no credentials is told where they may stand, beside what the SDK says of the last place that it looked at.
func TestNoCredentialsSayWhatWouldDo(t *testing.T) {
	noCredentials(t)
	s, err := s3ufs.Open(t.Context(), "box", "", &s3ufs.Options{UFS: &ufs.Options{Attempts: 1}})
	require.NoError(t, err)
	defer s.Close()
	_, stat := s.Stat(t.Context(), "a")
	w, err := s.Create(t.Context(), "a", driver.CreateOptions{})
	require.NoError(t, err)
	_, commit := w.Commit(t.Context())
	require.NoError(t, w.Abort(t.Context()))
	for _, err := range []error{stat, commit} {
		for _, says := range []string{"AWS_ACCESS_KEY_ID", "profile=", "Options.Credentials", "anonymous=true", "get identity"} {
			require.ErrorContains(t, err, says)
		}
	}
}

// A machine without a role says 404, a token whose file is missing that it does not exist: neither is said of an object.
func TestNoCredentialsAreNoMissingObject(t *testing.T) {
	noCredentials(t)
	for status, what := range map[int]string{404: "a machine without a role", 403: "a metadata service that refuses", 500: "one that is broken"} {
		t.Run(what, func(t *testing.T) {
			machine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
			defer machine.Close()
			t.Setenv("AWS_EC2_METADATA_DISABLED", "")
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.URL)
			requireNoCredentials(t, nil)
		})
	}
	t.Run("a file that is missing", func(t *testing.T) { requireNoCredentials(t, locked{fs.ErrNotExist}) })
}

func requireNoCredentials(t *testing.T, from aws.CredentialsProvider) {
	s, err := s3ufs.Open(t.Context(), "box", "", &s3ufs.Options{Region: "us-east-1", Credentials: from, UFS: &ufs.Options{Attempts: 1}})
	require.NoError(t, err)
	defer s.Close()
	_, stat := s.Stat(t.Context(), "a")
	var list error
	for _, list = range s.List(t.Context(), ufs.ListOptions{}) {
		break
	}
	_, _, open := s.Open(t.Context(), "a", 0, 1, "")
	for _, err := range []error{stat, list, open, s.Delete(t.Context(), "a")} {
		require.ErrorContains(t, err, "no credentials")
		require.NotErrorIs(t, err, driver.ErrNotExist)
		require.NotErrorIs(t, err, driver.ErrPermission)
	}
}

// locked gives no credentials.
type locked struct{ why error }

func (l locked) Retrieve(context.Context) (aws.Credentials, error) { return aws.Credentials{}, l.why }

// What a program's own provider says is kept, and the environment is no way out of it.
func TestProviderWithoutCredentials(t *testing.T) {
	why := errors.New("the vault is sealed")
	s, err := s3ufs.Open(t.Context(), "box", "", &s3ufs.Options{Credentials: locked{why}, UFS: &ufs.Options{Attempts: 1}})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Stat(t.Context(), "a")
	require.ErrorIs(t, err, why)
	require.ErrorContains(t, err, "no credentials from Options.Credentials")
	require.NotContains(t, err.Error(), "AWS_ACCESS_KEY_ID")
}
