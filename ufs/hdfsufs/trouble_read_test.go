package hdfsufs_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func TestServerTroubleReading(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"reset_connection_is_tried_again":    resetData,
		"cut_body_is_resumed":                cutBody,
		"cut_bodies_are_tried_a_few_times":   cutBodies,
		"closed_connections_are_no_end":      closedConnections,
		"stalled_body_is_resumed":            stalledBody,
		"flipped_byte_is_found":              flippedByte,
		"replaced_meanwhile_is_ErrChanged":   replacedMeanwhile,
		"deleted_meanwhile_is_ErrNotExist":   deletedMeanwhile,
		"cut_answer_of_the_NameNode":         cutNameNode,
		"stalled_answer_of_the_NameNode":     stalledNameNode,
		"cancelled_while_the_NameNode_waits": cancelledWaiting,
	} {
		t.Run(name, f)
	}
}

const bigSize = 3<<20 + 77 // two blocks

// big is a place with a file that has several blocks.
func big(t *testing.T, o *ufs.Options) *trouble {
	v := newTrouble(t, o)
	_, err := v.writeFile(t, "big", pattern(bigSize))
	require.NoError(t, err)
	return v
}

// whole asserts that the file reads as it is.
func (v *trouble) whole(t *testing.T) {
	t.Helper()
	got, err := v.readAll(t, "big")
	require.NoError(t, err)
	require.Equal(t, pattern(bigSize), got)
}

func resetData(t *testing.T) {
	v := big(t, nil)
	before := v.data.Connections()
	v.data.Break(faultproxy.ConnFault{Then: faultproxy.ConnReset}, 1)
	v.whole(t)
	require.Equal(t, 3, v.data.Connections()-before, "a connection for each block, and one more")
}

func cutBody(t *testing.T) {
	v := big(t, nil)
	before := v.data.Connections()
	v.data.Break(faultproxy.ConnFault{After: 300_000, Then: faultproxy.ConnReset}, 1)
	v.whole(t)
	require.Equal(t, 3, v.data.Connections()-before)
	require.EqualValues(t, 1, v.store.Metrics().Resumes)
}

func cutBodies(t *testing.T) {
	v := big(t, nil)
	before := v.data.Connections()
	v.data.Break(faultproxy.ConnFault{After: 10_000, Then: faultproxy.ConnReset}, 0)
	_, err := v.readAll(t, "big")
	require.Error(t, err)
	require.Equal(t, 3, v.data.Connections()-before, "attempts")
}

// closedConnections are closed as if all had been said.
func closedConnections(t *testing.T) {
	v := big(t, nil)
	before := v.data.Connections()
	closed := faultproxy.ConnFault{After: 10_000, Then: func(net.Conn, <-chan struct{}) {}}
	v.data.Break(closed, 1)
	v.whole(t)
	v.data.Break(closed, 0)
	_, err := v.readAll(t, "big")
	require.Error(t, err)
	require.Equal(t, 3+3, v.data.Connections()-before, "a connection for each block and one more; attempts")
}

func stalledBody(t *testing.T) {
	o := quick()
	o.AttemptTimeout = 300 * time.Millisecond
	v := big(t, o)
	v.data.Break(faultproxy.ConnFault{After: 300_000, Then: faultproxy.ConnStall}, 1)
	v.whole(t)
	require.EqualValues(t, 1, v.store.Metrics().Resumes)
}

func flippedByte(t *testing.T) {
	v := big(t, nil)
	v.data.Break(faultproxy.ConnFault{Flip: 500_000}, 1)
	v.whole(t)
	require.EqualValues(t, 1, v.store.Metrics().Resumes, "the checksum has told")
	v.data.Break(faultproxy.ConnFault{Flip: 20_000}, 0)
	got, err := v.readAll(t, "big")
	require.Error(t, err)
	require.Equal(t, pattern(bigSize)[:len(got)], got, "what came before")
}

func replacedMeanwhile(t *testing.T) {
	v := big(t, nil)
	a, err := v.store.Stat(t.Context(), "big")
	require.NoError(t, err)
	rc, _, err := v.store.Open(t.Context(), "big", 0, -1, a.Version)
	require.NoError(t, err)
	defer rc.Close()
	_, err = io.ReadFull(rc, make([]byte, 1000))
	require.NoError(t, err)
	v.put(t, v.dir+"/big", pattern(bigSize))
	_, err = io.Copy(io.Discard, rc)
	require.ErrorIs(t, err, driver.ErrChanged, "of equal length, and equal bytes")
}

func deletedMeanwhile(t *testing.T) {
	v := big(t, nil)
	a, err := v.store.Stat(t.Context(), "big")
	require.NoError(t, err)
	rc, _, err := v.store.Open(t.Context(), "big", 0, -1, a.Version)
	require.NoError(t, err)
	defer rc.Close()
	require.NoError(t, v.client.Remove(v.dir+"/big"))
	_, err = io.Copy(io.Discard, rc)
	require.ErrorIs(t, err, driver.ErrNotExist)
}

// fresh breaks connections to the NameNode that are made from now on; those that wait are none the worse, so they go.
func (v *trouble) fresh(f faultproxy.ConnFault, times int) {
	v.names.Down()
	v.names.Up()
	v.names.Break(f, times)
}

func cutNameNode(t *testing.T) {
	v := big(t, nil)
	v.fresh(faultproxy.ConnFault{After: 20, Then: faultproxy.ConnReset}, 1)
	v.whole(t)
	require.Positive(t, v.store.Metrics().Calls["stat"].Retries)
}

func stalledNameNode(t *testing.T) {
	o := quick()
	o.AttemptTimeout = 300 * time.Millisecond
	v := big(t, o)
	v.fresh(faultproxy.ConnFault{After: 20, Then: faultproxy.ConnStall}, 1)
	v.whole(t)
}

func cancelledWaiting(t *testing.T) {
	v := big(t, nil)
	v.fresh(faultproxy.ConnFault{Then: faultproxy.ConnStall}, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := v.store.Stat(ctx, "big")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
