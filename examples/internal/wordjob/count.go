package wordjob

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/millpond/millpond/cachefs"
)

// counts is how often each word occurs. A word is a run of ASCII letters, digits and underscores, and of bytes beyond.
type counts map[string]int64

func isWord(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b >= 0x80
}

// add counts the words of text.
func (c counts) add(text []byte) {
	for i := 0; i < len(text); {
		if !isWord(text[i]) {
			i++
			continue
		}
		j := i + 1
		for j < len(text) && isWord(text[j]) {
			j++
		}
		c[string(text[i:j])]++
		i = j
	}
}

func (c counts) merge(o counts) {
	for w, n := range o {
		c[w] += n
	}
}

type word struct {
	text string
	n    int64
}

// top lists the words, the most frequent first.
func (c counts) top() []word {
	list := make([]word, 0, len(c))
	for w, n := range c {
		list = append(list, word{w, n})
	}
	slices.SortFunc(list, func(a, b word) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.text, b.text)) })
	return list
}

// sorted is the result as text: a line a word, the most frequent first.
func (c counts) sorted() string {
	var b strings.Builder
	for _, w := range c.top() {
		fmt.Fprintf(&b, "%9d %s\n", w.n, w.text)
	}
	return b.String()
}

// tally is what a pass has done so far: the progress line reads it while it grows.
type tally struct {
	files, bytes atomic.Int64
}

// countTree counts the words of all files below /in with several goroutines.
func countTree(ctx context.Context, node *cachefs.Node, workers int, t *tally) (counts, error) {
	return countSent(ctx, node, workers, t, func(ctx context.Context, paths chan<- string) error { return walk(ctx, node, paths) })
}

// countSent counts the words of the files whose paths send sends.
func countSent(ctx context.Context, node *cachefs.Node, workers int, t *tally, send func(ctx context.Context, paths chan<- string) error) (counts, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	paths := make(chan string, workers)
	parts := make([]counts, workers)
	var wg sync.WaitGroup
	for i := range parts {
		parts[i] = counts{}
		wg.Go(func() {
			var buf []byte
			for p := range paths {
				var err error
				if buf, err = countFile(ctx, node, p, parts[i], buf, t); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	err := send(ctx, paths)
	close(paths)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	all := counts{}
	for _, p := range parts {
		all.merge(p)
	}
	return all, err
}

// walk sends the files below /in.
func walk(ctx context.Context, node *cachefs.Node, paths chan<- string) error {
	for info, err := range node.List(ctx, "/in", &cachefs.ListOptions{Recursive: true}) {
		if err != nil {
			return err
		}
		if info.IsDir() {
			continue
		}
		select {
		case paths <- info.Path():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// countFile reads a file whole into buf, which it returns grown.
func countFile(ctx context.Context, node *cachefs.Node, path string, c counts, buf []byte, t *tally) ([]byte, error) {
	f, err := node.Open(ctx, path, nil)
	if err != nil {
		return buf, err
	}
	defer f.Close()
	buf = slices.Grow(buf[:0], int(f.Size()))[:f.Size()]
	if _, err := io.ReadFull(f, buf); err != nil && len(buf) > 0 {
		return buf, err
	}
	c.add(buf)
	t.files.Add(1)
	t.bytes.Add(int64(len(buf)))
	return buf, nil
}

// plainCounts counts what plain shows it.
func plainCounts(ctx context.Context, plain func(ctx context.Context, file func(text []byte)) error) (c counts, files int64, err error) {
	c = counts{}
	err = plain(ctx, func(text []byte) {
		c.add(text)
		files++
	})
	return c, files, err
}
