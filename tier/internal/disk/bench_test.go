//go:build unix

package disk_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier/internal/disk"
)

func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkHit compares the CPU time of a disk hit with that of a bare pread of as many bytes, in turns.
func BenchmarkHit(b *testing.B) {
	for _, n := range []int{4 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			const total = 64 << 20
			dir := b.TempDir()
			d := open(b, vfs.OS, filepath.Join(dir, "d"), disk.Options{})
			f, err := os.Create(filepath.Join(dir, "bare"))
			require.NoError(b, err)
			defer f.Close()
			blocks := total / n
			for i := range blocks {
				put(b, d, blockID(i, 0), n)
				_, err := f.WriteAt(content(blockID(i, 0), n), int64(i*n))
				require.NoError(b, err)
			}
			p := make([]byte, n)
			rounds := 4 + 20_000*4096/n
			best := [2]time.Duration{1 << 62, 1 << 62}
			for b.Loop() {
				order := rand.Perm(blocks)
				begin := cpu()
				for k := range rounds {
					_, _ = d.ReadAt(blockID(order[k%blocks], 0), p, 0)
				}
				middle := cpu()
				for k := range rounds {
					_, _ = f.ReadAt(p, int64(order[k%blocks]*n))
				}
				best[0] = min(best[0], middle-begin)
				best[1] = min(best[1], cpu()-middle)
			}
			b.ReportMetric(float64(best[0])/float64(rounds), "ns-cpu/hit")
			b.ReportMetric(float64(best[1])/float64(rounds), "ns-cpu/pread")
			b.ReportMetric(float64(best[0])/float64(best[1]), "ratio")
		})
	}
}

// BenchmarkMillion reports what a million blocks cost: bytes on disk and in memory, time to the first hit after a process
// that did not close.
func BenchmarkMillion(b *testing.B) {
	for _, n := range []int{1 << 10, 4 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			const blocks = 1_000_000
			dir := filepath.Join(b.TempDir(), "d")
			d := open(b, vfs.OS, dir, disk.Options{Quota: 8 << 30})
			data := [][]byte{make([]byte, n)}
			begin := time.Now()
			for i := range blocks {
				_, err := d.Put(blockID(i/16, i%16), data, 0)
				require.NoError(b, err)
			}
			perPut := float64(time.Since(begin).Nanoseconds()) / blocks
			perByte := float64(d.DiskBytes()) / float64(blocks*n)
			crashed := filepath.Join(b.TempDir(), "d")
			require.NoError(b, os.CopyFS(crashed, os.DirFS(dir)))
			require.NoError(b, d.Close())
			d = nil
			took, perBlock := time.Hour, 0.0
			for b.Loop() {
				before := heap()
				begin := time.Now()
				d := open(b, vfs.OS, crashed, disk.Options{Quota: 8 << 30})
				_, err := d.ReadAt(blockID(4321, 1), data[0], 0)
				took = min(took, time.Since(begin))
				require.NoError(b, err)
				require.Equal(b, blocks, d.Blocks())
				perBlock = float64(heap()-before) / blocks
				require.NoError(b, d.Close())
			}
			b.ReportMetric(perPut, "ns/put")
			b.ReportMetric(perByte, "disk-bytes/byte")
			b.ReportMetric(perBlock, "heap-bytes/block")
			b.ReportMetric(took.Seconds()*1000, "ms/first-hit")
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
