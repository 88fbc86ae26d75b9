package journal_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
)

var update = flag.Bool("update", false, "write the golden files")

func TestStateGolden(t *testing.T) {
	const name = "testdata/state.v1.hex"
	got := hex.EncodeToString(journal.SampleState()) + "\n"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(name, []byte(got), 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "the format changed: raise stateVersion, and read the old one or name it")
	again, rest, err := journal.ReadState(append(journal.SampleState(), "behind"...))
	require.NoError(t, err)
	require.Equal(t, journal.SampleState(), again)
	require.Equal(t, "behind", string(rest))
}

func TestStateThatIsNotWhole(t *testing.T) {
	b := journal.SampleState()
	for n := range b {
		_, _, err := journal.ReadState(b[:n])
		require.Error(t, err, "%d bytes", n)
	}
	later := bytes.Clone(b)
	binary.LittleEndian.PutUint32(later, 2)
	_, _, err := journal.ReadState(later)
	require.ErrorContains(t, err, "state version 2; this build reads 1")
	open := bytes.Clone(b)
	binary.LittleEndian.PutUint32(open[36+2*8+32:], journal.MaxOpen+1) // of the first session
	_, _, err = journal.ReadState(open)
	require.ErrorContains(t, err, "table of sessions")
}

func FuzzReadState(f *testing.F) {
	f.Add(journal.SampleState())
	f.Fuzz(func(t *testing.T, b []byte) {
		again, _, err := journal.ReadState(b)
		if err != nil {
			return
		}
		twice, rest, err := journal.ReadState(again)
		require.NoError(t, err)
		require.Empty(t, rest)
		require.Equal(t, again, twice)
	})
}
