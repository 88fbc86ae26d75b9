package ufstest

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// Checksum is for a driver whose store tells checksums of whole files, at an empty place: a byte that is flipped on its way is
// fetched again.
func Checksum(t *testing.T, d driver.Store) {
	faulty, err := NewFaulty(d, "")
	require.NoError(t, err)
	s, err := ufs.New(faulty, "checksum://place", &ufs.Options{DisableHedge: true})
	require.NoError(t, err)
	want := bytes.Repeat([]byte("TestBytes."), 1000)
	w, err := s.Create(t.Context(), "f", ufs.CreateOptions{Size: int64(len(want))})
	require.NoError(t, err)
	_, err = w.Write(want)
	require.NoError(t, err)
	a, err := w.Commit(t.Context())
	require.NoError(t, err)
	require.NoError(t, faulty.Play("open nth=1 flip=5000"))
	before, got := len(faulty.Log()), make([]byte, len(want))
	_, err = s.ReadAt(t.Context(), "f", a.Version, got, 0)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "the flipped byte was not found")
	require.Equal(t, []string{"open f 0+10000", "open f 0+10000"}, faulty.Log()[before:])
}
