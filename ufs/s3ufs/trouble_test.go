package s3ufs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// trouble is a place behind a fault proxy.
type trouble struct {
	*server
	*faultproxy.Proxy
	prefix string
	store  *ufs.Store
}

// quick are retries that a test can wait for. Nothing is hedged: requests are counted.
func quick() *ufs.Options {
	return &ufs.Options{Attempts: 3, BaseDelay: 5 * time.Millisecond, MaxDelay: 20 * time.Millisecond, DisableHedge: true}
}

func newTrouble(t *testing.T, o s3ufs.Options) *trouble {
	v := &trouble{server: realServer(t), prefix: place()}
	p, err := faultproxy.Start(v.endpoint, faultproxy.S3)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	v.Proxy = p
	o.Endpoint, o.PartSize = p.URL(), 5<<20
	if o.UFS == nil {
		o.UFS = quick()
	}
	v.store = v.open(t, v.prefix, o)
	v.Reset()
	return v
}

// meet lets the next times requests of a kind, 0 for all, meet a fault.
func (v *trouble) meet(kind string, times int, f faultproxy.Fault) {
	v.On(faultproxy.Rule{Kinds: []string{kind}, Times: times, Fault: f})
}

// pattern is n bytes that differ from place to place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}
