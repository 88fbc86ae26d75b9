// Package signed makes file contents that say who wrote them, so that a test that reads bytes back knows what they are.
package signed

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Bytes are size bytes that seed stands for, behind a line that tells both.
func Bytes(seed uint32, size int) []byte {
	head := fmt.Appendf(nil, "%d %d\n", seed, size)
	p := append(head, make([]byte, size)...)
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	_, _ = random.Read(p[len(head):]) // never fails
	return p
}

// Name is what Identify says of Bytes.
func Name(seed uint32, size int) string { return fmt.Sprintf("%d %d", seed, size) }

// Identify names the parts that data is made of, one after the other, joined by ", ". An error: bytes that nobody wrote.
func Identify(data []byte) (string, error) {
	var parts []string
	for first := true; first || len(data) > 0; first = false {
		var seed uint32
		var size int
		if _, err := fmt.Sscanf(string(data[:min(len(data), 40)]), "%d %d\n", &seed, &size); err != nil {
			return "", fmt.Errorf("%d bytes that nobody wrote: %w", len(data), err)
		}
		want := Bytes(seed, size)
		if !bytes.HasPrefix(data, want) {
			return "", fmt.Errorf("wrong bytes for seed %d and size %d: %d bytes", seed, size, len(data))
		}
		data = data[len(want):]
		parts = append(parts, Name(seed, size))
	}
	return strings.Join(parts, ", "), nil
}
