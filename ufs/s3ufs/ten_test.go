package s3ufs_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// crowd is how many readers wait for the bucket that is down: more than a store's calls in flight, and than anything that
// mounts could share.
const crowd = 200

// ten are ten buckets with a file "f" each; the one that will be down has more.
type ten struct {
	*server
	names []string
	down  string
}

func tenBuckets(t *testing.T) *ten {
	b := &ten{server: realServer(t)}
	first := rand.Uint32()
	for i := range 10 {
		name := fmt.Sprintf("millpond-%08x-%d", first, i)
		_, err := b.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
		require.NoError(t, err)
		one := *b.server
		one.bucket = name
		one.put(t, "f", pattern(5<<20))
		b.names = append(b.names, name)
		if i == 3 {
			b.down = name
			for n := range crowd {
				one.put(t, fmt.Sprintf("g%d", n), pattern(100))
			}
		}
	}
	return b
}

// bucketOf is the bucket of a request in path style.
func bucketOf(r *http.Request) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return name
}

// proxy counts requests by bucket and kind.
func (b *ten) proxy(t *testing.T) *faultproxy.Proxy {
	p, err := faultproxy.Start(b.endpoint, func(r *http.Request) string { return bucketOf(r) + " " + faultproxy.S3(r) })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// silence lets one bucket answer nothing any more.
func (b *ten) silence(p *faultproxy.Proxy) {
	p.On(faultproxy.Rule{Match: func(r *http.Request) bool { return bucketOf(r) == b.down }, Fault: faultproxy.Silence()})
}

// asked reports whether the bucket that is down was asked for something.
func (b *ten) asked(p *faultproxy.Proxy) bool {
	for kind := range p.Counts() {
		if strings.HasPrefix(kind, b.down+" ") {
			return true
		}
	}
	return false
}

// nine reads the file and the listing of each of the others.
func (b *ten) nine(t *testing.T, n *cachefs.Node) {
	for _, name := range b.names {
		if name == b.down {
			continue
		}
		require.Equal(t, pattern(5<<20), read(t, n, "/"+name+"/f"))
		for _, err := range n.List(t.Context(), "/"+name, &cachefs.ListOptions{Sync: true}) {
			require.NoError(t, err)
		}
	}
}

// TestServerTenBuckets: one of ten mounted buckets does not answer. All that is asked of the nine comes while a crowd
// still waits for the tenth, and takes the requests that it takes when all are up.
func TestServerTenBuckets(t *testing.T) {
	b := tenBuckets(t)
	up, down := b.pass(t, false), b.pass(t, true)
	ofNine := func(counts requests) requests {
		maps.DeleteFunc(counts, func(kind string, _ int) bool { return strings.HasPrefix(kind, b.down+" ") })
		return counts
	}
	require.Len(t, ofNine(up), 2*9, "a GET for each block, and a listing")
	require.Equal(t, ofNine(up), ofNine(down))
}

// pass reads from nine buckets, and counts.
func (b *ten) pass(t *testing.T, isDown bool) requests {
	p := b.proxy(t)
	var mounts []cachefs.MountConfig
	for _, name := range b.names {
		s, err := s3ufs.Open(t.Context(), name, "", &s3ufs.Options{
			Endpoint: p.URL(), UFS: &ufs.Options{DisableHedge: true, DisableBreaker: true, AttemptTimeout: 10 * time.Minute},
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		mounts = append(mounts, cachefs.MountConfig{Path: "/" + name, Store: s})
	}
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: mounts})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	for _, name := range b.names {
		for _, err := range n.List(t.Context(), "/"+name, nil) {
			require.NoError(t, err)
		}
	}
	p.Reset()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var waiting sync.WaitGroup
	var came atomic.Int32
	if isDown {
		b.silence(p)
		for i := range crowd {
			waiting.Go(func() {
				defer came.Add(1)
				if f, err := n.Open(ctx, fmt.Sprintf("/%s/g%d", b.down, i), nil); err == nil {
					_, _ = f.ReadAt(make([]byte, 100), 0)
					_ = f.Close()
				}
			})
		}
		require.Eventually(t, func() bool { return b.asked(p) }, 20*time.Second, time.Millisecond)
	}
	b.nine(t, n)
	require.Zero(t, came.Load(), "the crowd still waits")
	counts := p.Counts()
	cancel()
	waiting.Wait()
	return counts
}

// TestServerMountingTenBuckets mounts them while one does not answer: only its own mounting waits.
func TestServerMountingTenBuckets(t *testing.T) {
	b := tenBuckets(t)
	p := b.proxy(t)
	n, err := cachefs.Open(t.Context(), cachefs.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	mount := func(ctx context.Context, name string) error {
		return n.Mount(ctx, "/"+name, fmt.Sprintf("s3://%s?endpoint=%s&path_style=true", name, p.URL()), nil)
	}
	b.silence(p)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	mounted := make(chan error, 1)
	go func() { mounted <- mount(ctx, b.down) }()
	require.Eventually(t, func() bool { return b.asked(p) }, 20*time.Second, time.Millisecond)
	for _, name := range b.names {
		if name != b.down {
			require.NoError(t, mount(t.Context(), name))
		}
	}
	b.nine(t, n)
	select {
	case err := <-mounted:
		require.Fail(t, "the tenth does not wait", "%v", err)
	default:
	}
	cancel()
	require.ErrorIs(t, <-mounted, context.Canceled)
	p.Reset()
	require.NoError(t, mount(t.Context(), b.down), "it answers again")
	require.Equal(t, pattern(100), read(t, n, "/"+b.down+"/g0"))
}
