package batch_test

import (
	"encoding/hex"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/journal/internal/batch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sample() []batch.Command {
	return []batch.Command{
		{Session: [16]byte{1, 2, 3}, Seq: 7, Acked: 5, At: 1234567890, Level: 3, Cmd: []byte("first")},
		{Cmd: []byte{}},
		{Session: [16]byte{9}, Seq: 1, Level: 1, Cmd: make([]byte, 300)},
	}
}

func encode(cmds []batch.Command, now int64) []byte {
	b := batch.Begin(nil)
	for i := range cmds {
		b = batch.Append(b, &cmds[i])
	}
	batch.Finish(b, now, len(cmds))
	return b
}

func TestGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/batch.v1.hex")
	require.NoError(t, err)
	b := encode(sample(), 42)
	require.Equal(t, string(want), hex.EncodeToString(b)+"\n")
	cmds, now, err := batch.Decode(nil, b)
	require.NoError(t, err)
	require.Equal(t, int64(42), now)
	require.Equal(t, sample(), cmds)
}

func TestLaterVersionNamesItself(t *testing.T) {
	b := encode(sample(), 1)
	b[0] = 2
	_, _, err := batch.Decode(nil, b)
	require.ErrorIs(t, err, batch.ErrVersion)
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(sample(), 42))
	f.Add(encode(nil, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		cmds, now, err := batch.Decode(nil, b)
		if err == nil {
			require.Equal(t, b, encode(cmds, now))
		}
	})
}
