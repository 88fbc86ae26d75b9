package link_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/link"
)

var update = flag.Bool("update", false, "write the golden file")

// frames are one of each kind.
func frames() map[string][]byte {
	return map[string][]byte{
		"call":   link.CallFrame(1, 1500*time.Microsecond, 0x0102030405060708, "method", []byte("request")),
		"read":   link.ReadFrame(2, time.Minute, link.BlockRequest{Key: link.Key{1, 2, 19: 3}, Off: 65536, Length: 100, Fill: true, Hint: []byte("hint")}),
		"cancel": link.CancelFrame(2),
		"answer": link.AnswerFrame(1, 0x0807060504030201, []byte("answer")),
		"error":  link.ErrorFrame(3, &link.RemoteError{Code: 42, Text: "no primary"}, false),
		"data":   link.DataFrame(2, 10, []uint64{1, 2}, []byte("bytes")),
		"end":    link.EndFrame(2, 100, []string{"c", "d"}),
	}
}

// The wire of version 1 does not change: nodes of two builds talk.
func TestGoldenWire(t *testing.T) {
	const path = "testdata/wire.v2.txt"
	var b strings.Builder
	for _, set := range []map[string][]byte{link.Hellos(), frames()} {
		for _, name := range slices.Sorted(maps.Keys(set)) {
			fmt.Fprintf(&b, "%s\n%s\n", name, hex.Dump(set[name]))
		}
	}
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "the wire has changed: it needs a version of its own")
}

func FuzzHandshake(f *testing.F) {
	hellos := link.Hellos()
	for name, b := range hellos {
		f.Add(name, b)
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		if _, ok := hellos[name]; !ok {
			return
		}
		again, err := link.Decode(name, b)
		if err == nil && name != "preface" && name != "challenge" { // those have a byte that is not looked at
			require.True(t, bytes.HasPrefix(b, again), "%x became %x", b, again)
		}
	})
}

func FuzzFrame(f *testing.F) {
	for _, b := range frames() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= link.HeadLen { // or the check keeps the fuzzer out
			b = link.Seal(b, min(int(b[2])<<8|int(b[3]), len(b)-link.HeadLen))
		}
		again, err := link.DecodeFrame(b)
		if err == nil {
			require.True(t, bytes.HasPrefix(b, again), "%x became %x", b, again)
		}
	})
}
