package ring_test

import (
	"strconv"
	"testing"

	"github.com/millpond/millpond/peer/internal/ring"
)

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{3, 25, 100, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			ms := mesh(n, 1)
			for b.Loop() {
				ring.New(ms...)
			}
		})
	}
}
func BenchmarkWith(b *testing.B) {
	for _, n := range []int{3, 25, 100, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			r := ring.New(mesh(n, 1)...)
			for b.Loop() {
				r.With(ring.Member{ID: "new", Weight: 1024})
			}
		})
	}
}
func BenchmarkWithout(b *testing.B) {
	for _, n := range []int{3, 25, 100, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			r := ring.New(mesh(n, 1)...)
			for b.Loop() {
				r.Without("node-1")
			}
		})
	}
}
