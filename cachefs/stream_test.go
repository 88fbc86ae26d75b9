package cachefs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// FuzzStreamFrame: whatever bytes come, a frame that is accepted is one that was sent, and no more memory is taken than frames have.
func FuzzStreamFrame(f *testing.F) {
	for kind := range byte(10) {
		f.Add(cachefs.StreamFrame(kind, []byte("body")))
	}
	f.Add([]byte{2, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, body, err := cachefs.ReadStreamFrame(bytes.NewReader(b))
		if err == nil {
			require.Equal(t, cachefs.StreamFrame(kind, body), b[:14+len(body)])
		}
	})
}

// TestStreamFrameChanged: a frame of which one bit is another is refused.
func TestStreamFrameChanged(t *testing.T) {
	whole := cachefs.StreamFrame(2, []byte("some bytes of a file"))
	kind, body, err := cachefs.ReadStreamFrame(bytes.NewReader(whole))
	require.NoError(t, err)
	require.Equal(t, byte(2), kind)
	require.Equal(t, "some bytes of a file", string(body))
	for bit := range 8 * len(whole) {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		_, _, err := cachefs.ReadStreamFrame(bytes.NewReader(b))
		require.Error(t, err, "bit %d", bit)
	}
	long := cachefs.StreamFrame(2, nil)
	binary.BigEndian.PutUint32(long[2:], 128<<10+1)
	_, _, err = cachefs.ReadStreamFrame(bytes.NewReader(long))
	require.ErrorIs(t, err, cachefs.ErrInvalid)
}

// FuzzWireError: whatever a node answers for an error is one that can be printed.
func FuzzWireError(f *testing.F) {
	for _, err := range []error{
		cachefs.ErrNotExist, &fs.PathError{Op: "open", Path: "/a\xff", Err: cachefs.ErrIsDir}, &os.LinkError{Op: "rename", Old: "/a", New: "/b", Err: cachefs.ErrExist},
		errors.Join(cachefs.ErrBusy, &fs.PathError{Op: "load", Path: "/b", Err: context.DeadlineExceeded}),
	} {
		f.Add(cachefs.ErrorToWire(err))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := cachefs.ErrorFromWire(b); err != nil {
			require.NotPanics(t, func() { _ = err.Error() })
		}
	})
}

// TestErrorsOverWire: an error is at a Client what it is at a node.
func TestErrorsOverWire(t *testing.T) {
	for _, err := range []error{
		cachefs.ErrNotExist,
		&fs.PathError{Op: "open", Path: "/a\xff", Err: fmt.Errorf("%w: %w", cachefs.ErrLeaseLost, cachefs.ErrNotExist)},
		&os.LinkError{Op: "rename", Old: "/a", New: "/b", Err: cachefs.ErrCrossMount},
		errors.Join(&fs.PathError{Op: "remove", Path: "/x", Err: cachefs.ErrPermission}, &fs.PathError{Op: "remove", Path: "/y", Err: cachefs.ErrNotEmpty}),
		&fs.PathError{Op: "stat", Path: "/z", Err: errors.New("a store's own words")},
	} {
		got := cachefs.ErrorFromWire(cachefs.ErrorToWire(err))
		sameError(t, err, got, err.Error())
	}
	require.NoError(t, cachefs.ErrorFromWire(cachefs.ErrorToWire(nil)))
}
