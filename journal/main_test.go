package journal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errUnknown = errors.New("unknown command")

// register is a state machine: "add KEY" counts, answering with the new count.
type register struct {
	mu     sync.Mutex
	counts map[string]int
	times  []int64
}

func newRegister() *register { return &register{counts: map[string]int{}} }

func (r *register) Apply(es []journal.Entry) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([][]byte, len(es))
	for i, e := range es {
		key, _ := strings.CutPrefix(string(e.Cmd), "add ")
		r.counts[key]++
		r.times = append(r.times, e.Time)
		out[i] = []byte(strconv.Itoa(r.counts[key]))
	}
	return out
}

func (r *register) get(key string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[key]
}

func (r *register) all() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

type registerSnapshot []byte

func (r *register) Snapshot() (journal.Snapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b []byte
	for _, k := range slices.Sorted(maps.Keys(r.counts)) {
		b = binary.AppendUvarint(b, uint64(len(k)))
		b = append(b, k...)
		b = binary.AppendUvarint(b, uint64(r.counts[k]))
	}
	return registerSnapshot(b), nil
}

func (s registerSnapshot) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(s)
	return int64(n), err
}

func (s registerSnapshot) Release() {}

func (r *register) Restore(rd io.Reader) error {
	b, err := io.ReadAll(rd)
	if err != nil {
		return err
	}
	counts, br := map[string]int{}, bytes.NewReader(b)
	for br.Len() > 0 {
		n, err := binary.ReadUvarint(br)
		if err != nil {
			return err
		}
		key := make([]byte, n)
		if _, err := io.ReadFull(br, key); err != nil {
			return err
		}
		v, err := binary.ReadUvarint(br)
		if err != nil {
			return err
		}
		counts[string(key)] = int(v)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts = counts
	return nil
}

func (r *register) Level(cmd []byte) (uint32, error) {
	switch {
	case bytes.HasPrefix(cmd, []byte("add ")):
		return 1, nil
	case bytes.HasPrefix(cmd, []byte("new ")):
		return 2, nil
	}
	return 0, errUnknown
}

func open(t testing.TB, cfg journal.Config) (*journal.Journal, *register) {
	t.Helper()
	r := newRegister()
	j, err := journal.Open(t.Context(), cfg, r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close(context.Background()) })
	return j, r
}

func add(t testing.TB, j *journal.Journal, key string) uint64 {
	t.Helper()
	_, index, err := j.Propose(t.Context(), journal.OpID{}, []byte("add "+key))
	require.NoError(t, err)
	return index
}
