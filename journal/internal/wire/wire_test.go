package wire_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/journal/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var cluster = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// TestGolden holds the wire: nodes of two versions talk to each other.
func TestGolden(t *testing.T) {
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"request": {append(wire.AppendRequest(nil, wire.Join, cluster), 1), "01040102030405060708090a0b0c0d0e0f1001"},
		"answer":  {wire.Answer(wire.NotPrimary, []byte("n2")), "01016e32"},
		"place": {wire.Place{Term: 2, Raft: 3, Of: 4, Index: 5}.Append(nil),
			"0200000000000000030000000000000004000000000000000500000000000000"},
		"results": {wire.AppendResults(nil, []wire.Result{{Index: 9, Bytes: []byte("ok")}, {Code: 2}}),
			"02000000" + "000900000000000000020000006f6b" + "02000000000000000000000000"},
		"meta": {wire.Meta{State: wire.Leaving, Cluster: cluster}.Append(nil), "01020102030405060708090a0b0c0d0e0f10"},
		"replica": {wire.Replica{Meta: wire.Meta{State: wire.Member, Cluster: cluster}, LastTerm: 1, Last: 2, Index: 3, First: 4, Checkpoint: 5}.Append(nil),
			"01010102030405060708090a0b0c0d0e0f10" + "01000000000000000200000000000000030000000000000004000000000000000500000000000000"},
	} {
		require.Equal(t, c.want, hex.EncodeToString(c.got), name)
	}
}

func TestRoundTrip(t *testing.T) {
	k, c, body, err := wire.ParseRequest(append(wire.AppendRequest(nil, wire.Barrier, cluster), "body"...))
	require.NoError(t, err)
	require.Equal(t, wire.Barrier, k)
	require.Equal(t, cluster, c)
	require.Equal(t, "body", string(body))
	s, body, err := wire.ParseAnswer(wire.Answer(wire.Failed, []byte("why")))
	require.NoError(t, err)
	require.Equal(t, wire.Failed, s)
	require.Equal(t, "why", string(body))
	p := wire.Place{Term: 1, Raft: 2, Of: 3, Index: 4}
	rs := []wire.Result{{Index: 7, Bytes: []byte("a")}, {Code: 3, Bytes: []byte{}}}
	got, rest, err := wire.ParsePlace(wire.AppendResults(p.Append(nil), rs))
	require.NoError(t, err)
	require.Equal(t, p, got)
	again, err := wire.ParseResults(rest)
	require.NoError(t, err)
	require.Equal(t, rs, again)
	r := wire.Replica{Meta: wire.Meta{State: wire.Member, Cluster: cluster}, LastTerm: 1, Last: 2, Index: 3, First: 4, Checkpoint: 5}
	back, err := wire.ParseReplica(r.Append(nil))
	require.NoError(t, err)
	require.Equal(t, r, back)
}

func TestOtherVersionIsRefused(t *testing.T) {
	b := wire.AppendRequest(nil, wire.Join, cluster)
	b[0]++
	_, _, _, err := wire.ParseRequest(b)
	require.ErrorContains(t, err, "version 2")
}

// FuzzParse: what parses is written again as it was.
func FuzzParse(f *testing.F) {
	f.Add(wire.AppendResults(nil, []wire.Result{{Index: 9, Bytes: []byte("ok")}}))
	f.Add(wire.Replica{Meta: wire.Meta{Cluster: cluster}}.Append(nil))
	f.Add(wire.AppendRequest(nil, wire.Join, cluster))
	f.Fuzz(func(t *testing.T, b []byte) {
		if rs, err := wire.ParseResults(b); err == nil {
			require.Equal(t, b, wire.AppendResults(nil, rs))
		}
		if k, c, body, err := wire.ParseRequest(b); err == nil {
			require.Equal(t, b, append(wire.AppendRequest(nil, k, c), body...))
		}
		if s, body, err := wire.ParseAnswer(b); err == nil {
			require.Equal(t, b, wire.Answer(s, body))
		}
		if p, rest, err := wire.ParsePlace(b); err == nil {
			require.Equal(t, b, append(p.Append(nil), rest...))
		}
		if r, err := wire.ParseReplica(b); err == nil {
			require.Equal(t, b[:wire.HeadLen+40], r.Append(nil))
		}
	})
}
