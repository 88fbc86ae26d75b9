package ufs_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// world is a Store over a scripted fake, inside a bubble.
type world struct {
	*testing.T
	d driver.Store // what is really there
	f *ufstest.Faulty
	s *ufs.Store
}

// poor is a driver that says to be able to do less. (Faulty has what its driver has, and an embedded interface has not.)
type poor struct {
	*ufstest.Faulty
	caps driver.Caps
}

func newPoor(d driver.Store, hide func(c *driver.Caps)) driver.Store {
	f, err := ufstest.NewFaulty(d, "")
	if err != nil {
		panic(err) // an empty script parses
	}
	p := poor{f, d.Caps()}
	hide(&p.caps)
	return p
}

func (p poor) Caps() driver.Caps { return p.caps }

// bubble runs a test over a store with these options; hide takes capabilities away, nil none.
func bubble(t *testing.T, o ufs.Options, hide func(c *driver.Caps), test func(w *world)) {
	t.Helper()
	over(t, o, func() driver.Store {
		if hide == nil {
			return memufs.New(nil)
		}
		return newPoor(memufs.New(nil), hide)
	}, test)
}

// over runs a test over the driver that make makes.
func over(t *testing.T, o ufs.Options, make func() driver.Store, test func(w *world)) {
	t.Helper()
	bubbletest.Test(t, func(t *testing.T) {
		d := make()
		w := &world{T: t, d: d}
		var err error
		w.f, err = ufstest.NewFaulty(d, "")
		require.NoError(t, err)
		w.s, err = ufs.New(w.f, "mem://world", &o)
		require.NoError(t, err)
		test(w)
		require.NoError(t, w.s.Close())
	})
}

func (w *world) play(script string) {
	w.Helper()
	require.NoError(w, w.f.Play(script))
}

// put writes past the Store under test.
func (w *world) put(key string, data []byte) {
	w.Helper()
	d, err := w.d.Create(w.Context(), key, driver.CreateOptions{Parents: true})
	require.NoError(w, err)
	_, err = d.Write(data)
	require.NoError(w, err)
	_, err = d.Commit(w.Context())
	require.NoError(w, err)
}

// holds asserts what is really there; nil: nothing.
func (w *world) holds(key string, want []byte) {
	w.Helper()
	got, err := w.content(key)
	if want == nil {
		require.ErrorIs(w, err, driver.ErrNotExist, key)
		return
	}
	require.NoError(w, err, key)
	require.True(w, bytes.Equal(want, got), "content of %q", key)
}

func (w *world) content(key string) ([]byte, error) {
	rc, _, err := w.d.Open(w.Context(), key, 0, -1, "")
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}

func (w *world) version(key string) string {
	w.Helper()
	a, err := w.d.Stat(w.Context(), key)
	require.NoError(w, err)
	return a.Version
}

// made is the calls that a function makes.
func (w *world) made(f func()) []string {
	before := len(w.f.Log())
	f()
	return w.f.Log()[before:]
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}
