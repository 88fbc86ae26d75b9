package journal_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/millpond/millpond/journal"
)

// BenchmarkProposeAgainstBolt is goal 15: durable changes a second by 1, 16 and 128 callers, against bbolt's own group commit
// (DB.Batch, with a batch as large as there are callers and, since its default delay of 10 ms would hold a lone caller back, the better of that and DB.Update).
// Rounds are interleaved; the ratio is of the best ones.
func BenchmarkProposeAgainstBolt(b *testing.B) {
	for _, callers := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			j, _ := open(b, journal.Config{Dir: b.TempDir(), CheckpointEvery: 1 << 40})
			batch, update := boltChange(b, callers)
			cmd := []byte("add " + string(make([]byte, 100)))
			propose := func() error {
				_, _, err := j.Propose(b.Context(), journal.OpID{}, cmd)
				return err
			}
			var ours, theirs float64
			for range 5 {
				ours = max(ours, rate(b, callers, propose))
				theirs = max(theirs, rate(b, callers, batch), rate(b, callers, update))
			}
			for b.Loop() {
				require.NoError(b, propose())
			}
			b.ReportMetric(ours, "changes/s")
			b.ReportMetric(theirs, "bbolt/s")
			b.ReportMetric(ours/theirs, "ratio")
		})
	}
}

// rate runs f by so many goroutines for a while.
func rate(b *testing.B, callers int, f func() error) float64 {
	var n atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range callers {
		wg.Go(func() {
			for time.Since(began) < 300*time.Millisecond {
				if err := f(); err != nil {
					b.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(began).Seconds()
}

func boltChange(b *testing.B, callers int) (batch, update func() error) {
	db, err := bolt.Open(filepath.Join(b.TempDir(), "b.db"), 0o600, &bolt.Options{NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
	require.NoError(b, err)
	b.Cleanup(func() { _ = db.Close() })
	db.MaxBatchSize = callers
	require.NoError(b, db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("b"))
		return err
	}))
	value := make([]byte, 104)
	var seq atomic.Uint64
	put := func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("b")).Put(binary.BigEndian.AppendUint64(nil, seq.Add(1)), value)
	}
	return func() error { return db.Batch(put) }, func() error { return db.Update(put) }
}
