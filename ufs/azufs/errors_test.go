package azufs_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/azufs"
	"github.com/millpond/millpond/ufs/driver"
)

type noToken struct{}

func (noToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "x", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// told opens a store whose server gives one answer to everything.
func told(t testing.TB, f func(r *http.Request) *http.Response) *ufs.Store {
	s, err := azufs.Open(t.Context(), "box", "p", &azufs.Options{
		Account: "me", Client: offline(f), Credential: noToken{}, UFS: &ufs.Options{Attempts: 1},
	})
	require.NoError(t, err)
	return s
}

// TestErrors is the table of the package's description.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status     int
		code       string
		read, make error // of a read with a version, of a create
	}{
		{404, "BlobNotFound", driver.ErrChanged, driver.ErrNotExist},
		{404, "ContainerNotFound", driver.ErrInvalid, driver.ErrInvalid},
		{404, "", driver.ErrChanged, driver.ErrNotExist},
		{409, "BlobAlreadyExists", driver.ErrExist, driver.ErrExist},
		{412, "ConditionNotMet", driver.ErrChanged, driver.ErrExist},
		{403, "AuthorizationFailure", driver.ErrPermission, driver.ErrPermission},
		{403, "", driver.ErrPermission, driver.ErrPermission},
		{401, "NoAuthenticationInformation", driver.ErrPermission, driver.ErrPermission},
		{409, "BlobImmutableDueToPolicy", driver.ErrPermission, driver.ErrPermission},
		{400, "InvalidResourceName", driver.ErrInvalid, driver.ErrInvalid},
		{412, "LeaseIdMissing", nil, nil},
	} {
		s := told(t, func(r *http.Request) *http.Response { return say(r, c.status, c.code) })
		_, _, err := s.Open(t.Context(), "f", 0, -1, "v")
		isOnly(t, err, c.read)
		err = create(t.Context(), s)
		isOnly(t, err, c.make)
		_, unknown := errors.AsType[*driver.Unknown](err)
		require.False(t, unknown, "%d: what the server refused did not happen", c.status)
	}
}

// isOnly asserts that err has one condition and no other; none for nil.
func isOnly(t *testing.T, err, want error) {
	t.Helper()
	require.Error(t, err)
	for _, e := range []error{driver.ErrNotExist, driver.ErrExist, driver.ErrChanged, driver.ErrPermission, driver.ErrInvalid} {
		require.Equal(t, e == want, errors.Is(err, e), "%v is %v", err, e)
	}
}

func create(ctx context.Context, s *ufs.Store) error {
	w, err := s.Create(ctx, "f", ufs.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = w.Commit(ctx)
	return err
}

func TestThrottled(t *testing.T) {
	var asked atomic.Int64
	s := told(t, func(r *http.Request) *http.Response {
		asked.Add(1)
		return say(r, 503, "ServerBusy", "Retry-After", "7")
	})
	asked.Store(0)
	_, err := s.Stat(t.Context(), "f")
	require.EqualValues(t, 1, asked.Load(), "the SDK does not repeat")
	later, ok := errors.AsType[*driver.Retryable](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, 7*time.Second, later.After)
	_, unknown := errors.AsType[*driver.Unknown](create(t.Context(), s))
	require.False(t, unknown, "a server that is busy did nothing")
}

// TestUnknown: a change whose answer is lost may have happened; a read has no such doubt.
func TestUnknown(t *testing.T) {
	s := told(t, func(r *http.Request) *http.Response { return say(r, 500, "OperationTimedOut") })
	require.True(t, isUnknown(create(t.Context(), s)))
	_, err := s.Stat(t.Context(), "f")
	require.Error(t, err)
	require.False(t, isUnknown(err))

	lost := &azufs.Options{Account: "me", Client: &http.Client{Transport: failing{}}, Credential: noToken{}}
	_, err = azufs.Open(t.Context(), "box", "", lost)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "of a store that does not answer")
}

func isUnknown(err error) bool { _, is := errors.AsType[*driver.Unknown](err); return is }

// failing is a network that loses every answer.
type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

func TestClockIsNamed(t *testing.T) {
	for off, want := range map[time.Duration]bool{time.Minute: false, 20 * time.Minute: true, -20 * time.Minute: true} {
		s := told(t, func(r *http.Request) *http.Response {
			return say(r, 403, "AuthenticationFailed", "Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		})
		_, err := s.Stat(t.Context(), "f")
		require.ErrorIs(t, err, driver.ErrPermission)
		require.Equal(t, want, strings.Contains(err.Error(), "this machine's clock is"), "%v: %v", off, err)
	}
}

// TestNoSignatureInErrors: what a network says of a request quotes its URL, where a signature stands.
func TestNoSignatureInErrors(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2026&sig=hunter2")
	for _, o := range []*azufs.Options{{Endpoint: "http://127.0.0.1:1/me", Client: &http.Client{Transport: failing{}}}, {Endpoint: "http://127.0.0.1:1/me"}} {
		_, err := azufs.Open(t.Context(), "box", "", o)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
		require.NotContains(t, err.Error(), "sig=")
	}
}
