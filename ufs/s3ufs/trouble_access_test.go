package s3ufs_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

func TestServerTroubleOfAccess(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"clock_that_is_wrong":               wrongClock,
		"expired_credentials_are_refreshed": expiredCredentials,
		"expired_while_uploading":           expiredUploading,
		"wrong_keys_are_ErrPermission":      wrongKeys,
		"bucket_that_does_not_exist":        missingBucket,
		"may_not_list_but_read":             mayNotList,
		"may_list_but_not_read":             mayNotRead,
		"no_credentials_in_errors":          noCredentialsInErrors,
		"anonymous_without_rights":          anonymous,
	} {
		t.Run(name, f)
	}
}

// wrongClock signs as a machine does whose clock is an hour behind. What the SDK learns of the store's clock does not
// help: it would mend this by itself.
func wrongClock(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.put(t, v.prefix+"f", pattern(100))
	behind := &signer{off: -time.Hour}
	defer behind.CloseIdleConnections()
	s := v.open(t, v.prefix, s3ufs.Options{HTTPClient: &http.Client{Transport: behind}, UFS: quick()})
	_, err := s.ReadAt(t.Context(), "f", "", make([]byte, 1), 0)
	require.ErrorIs(t, err, s3ufs.ErrClock)
	require.NotErrorIs(t, err, driver.ErrPermission)
	require.NotErrorIs(t, err, driver.ErrNotExist)
	require.ErrorContains(t, err, "this machine's clock")
}

// keys is a provider that hands out the environment's keys, from the n-th time on.
type keys struct {
	from  int32
	asked atomic.Int32
}

func (k *keys) Retrieve(context.Context) (aws.Credentials, error) {
	c := aws.Credentials{AccessKeyID: "expired", SecretAccessKey: "expired-secret"}
	if k.asked.Add(1) >= k.from {
		c = fromEnvironment()
	}
	return c, nil
}

func expiredCredentials(t *testing.T) {
	k := &keys{from: 2}
	v := newTrouble(t, s3ufs.Options{Credentials: k})
	v.put(t, v.prefix+"f", pattern(100))
	v.On(faultproxy.Rule{Match: signedBy("expired"), Fault: faultproxy.S3Error(400, "ExpiredToken", 0)})
	got, err := v.readAll(t, "f", "") // the HEAD's answer has no body, and so no code
	require.NoError(t, err)
	require.Equal(t, pattern(100), got)
	require.EqualValues(t, 2, k.asked.Load())
	require.Equal(t, map[string]int{"head": 2, "get": 1}, v.Counts())
}

// expiredUploading: a request that was refused for its credentials is made again, though a Commit is not.
func expiredUploading(t *testing.T) {
	k := &keys{from: 2}
	v := newTrouble(t, s3ufs.Options{Credentials: k})
	v.On(faultproxy.Rule{Match: signedBy("expired"), Fault: faultproxy.S3Error(400, "ExpiredToken", 0)})
	_, err := writeFile(t, v.store, "f", pattern(1000))
	require.NoError(t, err)
	got, _ := v.get(t, v.prefix+"f")
	require.Equal(t, pattern(1000), got)
}

func wrongKeys(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{Credentials: &keys{from: 1000}})
	_, err := v.store.Stat(t.Context(), "f")
	require.ErrorIs(t, err, driver.ErrPermission)
	_, err = v.store.ListPage(t.Context(), ufs.ListOptions{})
	require.ErrorIs(t, err, driver.ErrPermission)
}

func missingBucket(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	s, err := s3ufs.Open(t.Context(), "no-such-bucket", "", &s3ufs.Options{Endpoint: v.URL(), UFS: quick()})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Stat(t.Context(), "")
	require.ErrorContains(t, err, "the bucket does not exist")
	for _, try := range []func() error{
		func() error { _, err := s.Stat(t.Context(), "f"); return err },
		func() error { _, err := s.ListPage(t.Context(), ufs.ListOptions{}); return err },
		func() error { _, err := s.ReadAt(t.Context(), "f", "", make([]byte, 1), 0); return err },
		func() error { _, err := writeFile(t, s, "f", pattern(10)); return err },
	} {
		err := try()
		require.ErrorIs(t, err, driver.ErrInvalid)
		require.NotErrorIs(t, err, driver.ErrNotExist, "a bucket that is gone is not files that are gone")
	}
}

func mayNotList(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.put(t, v.prefix+"f", pattern(100))
	v.meet("list", 0, faultproxy.S3Error(403, "AccessDenied", 0))
	got, err := v.readAll(t, "f", "")
	require.NoError(t, err)
	require.Equal(t, pattern(100), got)
	_, err = v.store.ListPage(t.Context(), ufs.ListOptions{})
	require.ErrorIs(t, err, driver.ErrPermission)
	_, err = v.store.Stat(t.Context(), "missing")
	require.ErrorIs(t, err, driver.ErrPermission, "whether it is a directory cannot be known")
}

func mayNotRead(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.put(t, v.prefix+"f", pattern(100))
	for _, kind := range []string{"get", "head"} {
		v.meet(kind, 0, faultproxy.S3Error(403, "AccessDenied", 0))
	}
	p, err := v.store.ListPage(t.Context(), ufs.ListOptions{})
	require.NoError(t, err)
	require.Len(t, p.Entries, 1)
	require.EqualValues(t, 100, p.Entries[0].Size)
	_, err = v.store.ReadAt(t.Context(), "f", p.Entries[0].Version, make([]byte, 1), 0)
	require.ErrorIs(t, err, driver.ErrPermission)
	require.NotErrorIs(t, err, driver.ErrNotExist)
}

// noCredentialsInErrors provokes errors of many kinds and looks for keys in their texts.
func noCredentialsInErrors(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.put(t, v.prefix+"f", pattern(100))
	c := fromEnvironment()
	for _, f := range []faultproxy.Fault{
		faultproxy.S3Error(403, "AccessDenied", 0), faultproxy.S3Error(403, "SignatureDoesNotMatch", 0), faultproxy.S3Error(400, "Unheard", 0),
		faultproxy.Answer(200, nil, "<"), faultproxy.Reset(),
	} {
		v.Reset()
		v.On(faultproxy.Rule{Fault: f})
		_, err := v.store.ListPage(t.Context(), ufs.ListOptions{})
		require.Error(t, err)
		require.NotContains(t, err.Error(), c.SecretAccessKey)
		require.NotContains(t, err.Error(), "Signature=")
		require.NotContains(t, v.store.ID(), c.AccessKeyID)
	}
}

func anonymous(t *testing.T) {
	notAtOld(t, unsignedIsSwift)
	v := newTrouble(t, s3ufs.Options{Anonymous: true})
	v.put(t, v.prefix+"f", pattern(100))
	_, err := v.store.ReadAt(t.Context(), "f", "", make([]byte, 1), 0)
	require.ErrorIs(t, err, driver.ErrPermission)
}
