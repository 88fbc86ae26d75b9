package cachefs_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
)

// doubt is a publication that fails in a way that leaves open whether it happened.
type doubt struct {
	name     string
	how      cachefs.WriteType
	script   string // of the store's commits
	stranger bool   // somebody else has put a file of the same length there
	closes   bool   // Close returns nil
	ours     bool   // what is read at the end
}

var doubts = []doubt{
	{"an upload behind whose answer is lost", cachefs.AsyncThrough, "commit nth=1 done fail=reset", false, true, true},
	{"an upload behind that does not arrive", cachefs.AsyncThrough, "commit nth=1 fail=reset", false, true, true},
	{"an upload behind that does not arrive beside a stranger's", cachefs.AsyncThrough, "commit nth=1 fail=reset", true, true, true},
	{"a cached write whose answer is lost", cachefs.CacheThrough, "commit nth=1 done fail=reset", false, true, true},
	{"a cached write that does not arrive beside a stranger's", cachefs.CacheThrough, "commit nth=1 fail=reset", true, false, false},
	{"a cached write whose answer is lost, over a stranger's", cachefs.CacheThrough, "commit nth=1 done fail=reset", true, true, true},
	{"an uncached write whose answer is lost", cachefs.Through, "commit nth=1 done fail=reset", false, false, true},
	{"an uncached write that does not arrive beside a stranger's", cachefs.Through, "commit nth=1 fail=reset", true, false, false},
}

// TestPublicationInDoubt: whatever is not known of a publication, what is acknowledged is there, and nobody reads a
// mixture.
func TestPublicationInDoubt(t *testing.T) {
	for _, d := range doubts {
		t.Run(d.name, func(t *testing.T) { overBucket(t, func(b *bucketNode) { d.run(b) }) })
	}
}

func (d *doubt) run(b *bucketNode) {
	const ours, theirs = "written by us", "written by ..."
	require.NoError(b, b.n.Mkdir(b.Context(), "/m/d", nil))
	for _, err := range b.n.List(b.Context(), "/m/d", nil) { // the directory is known whole
		require.NoError(b, err)
	}
	if d.stranger {
		d.put(b, theirs[:len(ours)])
	}
	b.play(d.script)
	w, err := b.n.Create(b.Context(), "/m/d/f", &cachefs.CreateOptions{WriteType: d.how})
	require.NoError(b, err)
	_, err = w.Write([]byte(ours))
	require.NoError(b, err)
	err = w.Close()
	require.Equal(b, d.closes, err == nil, "%v", err)
	j, err := b.n.Persist(b.Context(), "/m/d/f", nil)
	require.NoError(b, err)
	require.NoError(b, j.Wait(b.Context()))
	synctest.Wait()
	want := theirs[:len(ours)]
	if d.ours {
		want = ours
	}
	for range 2 { // from the cache, then from the store
		require.Equal(b, want, string(readAll(b, b.n, "/m/d/f")))
		require.NoError(b, b.n.Free(b.Context(), "/m/d/f", nil))
	}
	b.play("")
	require.Equal(b, map[string]string{"d/": "", "d/f": want}, storeContent(b.T, b.s))
}

// put writes a file as somebody else does.
func (d *doubt) put(b *bucketNode, text string) {
	w, err := b.s.Create(b.Context(), "d/f", ufs.CreateOptions{})
	require.NoError(b, err)
	_, err = w.Write([]byte(text))
	require.NoError(b, err)
	_, err = w.Commit(b.Context())
	require.NoError(b, err)
}
