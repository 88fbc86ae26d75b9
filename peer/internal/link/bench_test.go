package link_test

import (
	"fmt"
	"testing"

	"github.com/millpond/millpond/peer/internal/link"
)

// The goals of speed, against what they are compared with, are in benchmarks.
func BenchmarkReadBlock(b *testing.B) {
	for _, n := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := newMesh(b)
			a := m.add("a", &handler{}, nil)
			m.add("b", &handler{block: lend(random(n))}, nil)
			dst := make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.ReadBlock(b.Context(), "b", link.BlockRequest{Length: int64(n)}, [][]byte{dst}, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCall(b *testing.B) {
	m := newMesh(b)
	a := m.add("a", &handler{}, nil)
	m.add("b", &handler{call: echo}, nil)
	req := make([]byte, 100)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := a.Call(b.Context(), "b", "echo", req); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
