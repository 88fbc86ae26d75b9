package ufs_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// still is a driver that costs nothing: what is measured over it is this package.
type still struct {
	driver.Store
	size int64
}

func (s still) Caps() driver.Caps { return driver.Caps{IfVersion: true} }
func (s still) Close() error      { return nil }
func (s still) Stat(_ context.Context, key string) (driver.Attr, error) {
	return driver.Attr{Key: key, Size: s.size, Version: "v"}, nil
}
func (s still) Open(_ context.Context, key string, off, n int64, _ string) (io.ReadCloser, driver.Attr, error) {
	return &zeros{min(n, s.size-off)}, driver.Attr{Key: key, Size: s.size, Version: "v"}, nil
}

// zeros reads as fast as a copy from memory.
type zeros struct{ left int64 }

var source [1 << 20]byte

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), z.left)], source[:])
	z.left -= int64(n)
	return n, nil
}
func (z *zeros) Close() error { return nil }

// BenchmarkRead opens and reads a range by pieces, through the bare driver and through a Store.
func BenchmarkRead(b *testing.B) {
	ctx := context.Background()
	d := still{size: 1 << 30}
	s, err := ufs.New(d, "still://", nil)
	require.NoError(b, err)
	open := map[string]func(n int64) (io.ReadCloser, error){
		"driver": func(n int64) (io.ReadCloser, error) { rc, _, err := d.Open(ctx, "f", 0, n, "v"); return rc, err },
		"store":  func(n int64) (io.ReadCloser, error) { rc, _, err := s.Open(ctx, "f", 0, n, "v"); return rc, err },
	}
	for _, c := range []struct{ size, piece int64 }{{64 << 10, 64 << 10}, {4 << 20, 64 << 10}, {4 << 20, 4 << 10}} {
		for _, by := range []string{"driver", "store"} {
			b.Run(fmt.Sprintf("%dKiB/by%dKiB/%s", c.size>>10, c.piece>>10, by), func(b *testing.B) {
				buf := make([]byte, c.piece)
				b.SetBytes(c.size)
				b.ReportAllocs()
				for b.Loop() {
					rc, err := open[by](c.size)
					if err != nil {
						b.Fatal(err)
					}
					for left := c.size; left > 0; {
						n, err := rc.Read(buf)
						if err != nil {
							b.Fatal(err)
						}
						left -= int64(n)
					}
					rc.Close()
				}
			})
		}
	}
}

// BenchmarkStat is a call that answers at once.
func BenchmarkStat(b *testing.B) {
	ctx := context.Background()
	d := still{}
	s, err := ufs.New(d, "still://", nil)
	require.NoError(b, err)
	for by, stat := range map[string]func(context.Context, string) (driver.Attr, error){"driver": d.Stat, "store": s.Stat} {
		b.Run(by, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := stat(ctx, "f"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
