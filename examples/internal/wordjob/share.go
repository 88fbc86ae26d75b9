package wordjob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/millpond/millpond/cachefs"
)

// Count is how often each word occurs in what was counted, and how much that was. One goroutine.
type Count struct {
	Files, Bytes int64
	words        counts
	digest       string // of words, "" until somebody asks
}

// Add counts a file.
func (c *Count) Add(text []byte) {
	if c.words == nil {
		c.words = counts{}
	}
	c.words.add(text)
	c.digest = ""
	c.Files++
	c.Bytes += int64(len(text))
}

// AddFiles counts files of a node with several goroutines, beside what is counted already.
func (c *Count) AddFiles(ctx context.Context, node *cachefs.Node, workers int, paths []string) error {
	var t tally
	words, err := countSent(ctx, node, workers, &t, func(ctx context.Context, to chan<- string) error {
		for _, p := range paths {
			select {
			case to <- p:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	words.merge(c.words)
	c.words, c.digest = words, ""
	c.Files += t.files.Load()
	c.Bytes += t.bytes.Load()
	return nil
}

// Words is how many different words there are.
func (c *Count) Words() int { return len(c.words) }

// Digest is equal for equal counts.
func (c *Count) Digest() string {
	if c.digest == "" {
		sum := sha256.Sum256([]byte(c.words.sorted()))
		c.digest = hex.EncodeToString(sum[:])
	}
	return c.digest
}
