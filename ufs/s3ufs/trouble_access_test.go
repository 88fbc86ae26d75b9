package s3ufs_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

func TestServerTroubleOfAccess(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"expired_while_uploading":      expiredUploading,
		"wrong_keys_are_ErrPermission": wrongKeys,
		"no_credentials_in_errors":     noCredentialsInErrors,
		"anonymous_without_rights":     anonymous,
	} {
		t.Run(name, f)
	}
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
