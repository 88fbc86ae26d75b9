package main

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/memufs"
)

// newBucket is an under store in memory that has what a bucket has.
func newBucket(name string) *memufs.Store {
	caps := memufs.Bucket()
	return memufs.New(&memufs.Options{Name: name, Caps: &caps})
}

// content is a file as its bucket has it.
func content(t *testing.T, s *memufs.Store, key string) []byte {
	t.Helper()
	body, _, err := s.UFS().Open(t.Context(), key, 0, -1, "")
	require.NoError(t, err)
	defer body.Close()
	data, err := io.ReadAll(body)
	require.NoError(t, err)
	return data
}

// runOver runs the job between two buckets and returns what it said.
func runOver(t *testing.T, in, out *memufs.Store, memory int64) (string, error) {
	t.Helper()
	var stdout bytes.Buffer
	err := runJob(t.Context(), in.UFS(), out.UFS(), options{memory: memory, disk: 256 << 20, workers: 4}, &stdout, io.Discard)
	return stdout.String(), err
}

// TestJob has more to shuffle than memory.
func TestJob(t *testing.T) {
	in, out := newBucket("in"), newBucket("out")
	require.NoError(t, generate(t.Context(), in.UFS(), 120_000))
	said, err := runOver(t, in, out, 4<<20)
	require.NoError(t, err)
	require.Regexp(t, `(?m)^profile .* 120000 orders of 30 days, 20 shops$`, said)
	require.Regexp(t, `(?m)^transform .* calls to the input   0, .* (\d+\.\d) MB shuffled, [1-9]\d*\.\d MB of it on disk$`, said)
	require.Regexp(t, `(?m)^persist .* \[#{30}\] 30 of 30 files`, said)
	require.Regexp(t, `(?m)^check .* 30 files are what`, said)
	require.Equal(t, 2*3, in.Calls()["open"], "the job reads each of the 3 files once, and so does the check")
}

// TestSmallJob is one that can be done by hand.
func TestSmallJob(t *testing.T) {
	in, out := newBucket("in"), newBucket("out")
	in.Put("a.csv", []byte("id,time,shop,cents\n2,2026-11-02T10:00:00Z,north,300\n1,2026-11-02T09:00:00Z,north,100\n"))
	in.Put("b.jsonl", []byte(`{"id": 3, "time": "2026-11-03T00:30:00+01:00", "shop": "north", "cents": 200}`+"\n"))
	_, err := runOver(t, in, out, 8<<20)
	require.NoError(t, err)
	require.Equal(t, `id,time,shop,cents,percent_of_mean
1,2026-11-02T09:00:00Z,north,100,50
2,2026-11-02T10:00:00Z,north,300,150
3,2026-11-02T23:30:00Z,north,200,100
`, string(content(t, out, "day=2026-11-02/orders.csv")))
}

func TestBadInput(t *testing.T) {
	for name, want := range map[string]struct{ text, says string }{
		"a.txt":   {"1", "want a name that ends in .csv or .jsonl"},
		"a.csv":   {"1,2\n", `header is ["1" "2"]`},
		"b.csv":   {"id,time,shop,cents\n1,now,north,1\n", "/in/b.csv: order 1: "},
		"c.jsonl": {"{}\n{", "/in/c.jsonl: order 2: unexpected EOF"},
	} {
		in, out := newBucket("in"), newBucket("out")
		in.Put(name, []byte(want.text))
		_, err := runOver(t, in, out, 8<<20)
		require.ErrorContains(t, err, want.says)
		require.Zero(t, out.Calls()["create"], "nothing is written")
	}
}

// TestCheckFindsWhatIsWrong lets the output bucket lose, change and gain bytes behind the job's back.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	const key = "day=2026-11-02/orders.csv"
	for says, spoil := range map[string]func(out *memufs.Store){
		key + " is missing":        func(out *memufs.Store) { require.NoError(t, out.UFS().Delete(t.Context(), key)) },
		"other is not of this job": func(out *memufs.Store) { out.Put("other", nil) },
		key + `: line 2 is "1,2026-11-02T09:00:00Z,north,101,100"; want "1,2026-11-02T09:00:00Z,north,100,100"`: func(out *memufs.Store) {
			out.Put(key, bytes.Replace(content(t, out, key), []byte("100"), []byte("101"), 1))
		},
	} {
		in, out := newBucket("in"), newBucket("out")
		in.Put("a.csv", []byte("id,time,shop,cents\n1,2026-11-02T09:00:00Z,north,100\n"))
		_, err := runOver(t, in, out, 8<<20)
		require.NoError(t, err)
		spoil(out)
		_, err = (&job{in: in.UFS(), out: out.UFS()}).check(t.Context())
		require.ErrorContains(t, err, says)
	}
}

// TestStoreTroubles: the output's bucket refuses the first uploads, and the job waits until it takes them.
func TestStoreTroubles(t *testing.T) {
	in, out := newBucket("in"), newBucket("out")
	in.Put("a.csv", []byte("id,time,shop,cents\n1,2026-11-02T09:00:00Z,north,100\n"))
	left := 3
	out.OnCall(func(op, _ string) error {
		if op != "create" || left == 0 {
			return nil
		}
		left--
		return errors.New("no")
	})
	said, err := runOver(t, in, out, 4<<20)
	require.NoError(t, err)
	require.Contains(t, said, "1 of 1 files")
	require.Zero(t, left)
}
