package link_test

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/link"
)

// parcels is a connection whose reads bring no more than a parcel each.
type parcels struct {
	net.Conn
	left  [][]byte
	reads int
}

func (c *parcels) Read(p []byte) (int, error) {
	c.reads++
	if len(c.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.left[0])
	if c.left[0] = c.left[0][n:]; len(c.left[0]) == 0 {
		c.left = c.left[1:]
	}
	return n, nil
}

// Many small frames that come together are read through a wide buffer; those that come one at a time, and long ones, are not.
func TestSourceGrowsForManySmallFrames(t *testing.T) {
	frames := func(k, n int) (all []byte) {
		for i := range k {
			all = append(all, link.DataFrame(1, 0, []uint64{uint64(i)}, random(n))...)
		}
		return all
	}
	long := frames(1, 100<<10)
	c := &parcels{left: [][]byte{
		slices.Concat(frames(100, 4<<10), long, long, long, long, long), // together, and long ones behind them
		frames(1, 4<<10), frames(1, 4<<10), // one at a time
		frames(100, 1), // few bytes
		frames(100, 4<<10), frames(1, 4<<10), frames(1, 4<<10),
	}}
	said := bytes.Join(c.left, nil)
	bodies, wide, err := link.ReadBodies(c)
	require.ErrorIs(t, err, io.EOF)
	var got []byte
	for i, b := range bodies {
		got = append(got, said[len(got):len(got)+link.HeadLen+8+8]...)
		got = append(got, b...)
		switch {
		case i > 8 && i < 90:
			require.True(t, wide[i], "frame %d", i)
		case i > 101 && i < 207, i > 307:
			require.False(t, wide[i], "frame %d", i)
		}
	}
	require.True(t, bytes.Equal(said, got))
	require.Less(t, c.reads, 60)
}
