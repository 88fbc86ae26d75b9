package ufstest

import (
	"context"
	"fmt"
	"hash"
	"io"

	"github.com/millpond/millpond/ufs/driver"
)

// Open is logged with the range that was asked for.
func (f *Faulty) Open(ctx context.Context, key string, off, n int64, version string) (rc io.ReadCloser, a driver.Attr, err error) {
	note := ""
	if off != 0 || n >= 0 {
		note = fmt.Sprintf(" %d+%d", off, n)
	}
	var rules []Rule
	err = f.play(ctx, "open", key, note, func(body []Rule) error {
		rules = body
		rc, a, err = f.d.Open(ctx, key, off, n, version)
		return err
	})
	if err != nil {
		if rc != nil {
			rc.Close() // the answer that is lost
		}
		return nil, a, err
	}
	for _, r := range rules {
		rc = r.body(ctx, rc)
	}
	return rc, a, nil
}

// body is rc with what the rule does to its bytes.
func (r *Rule) body(ctx context.Context, rc io.ReadCloser) io.ReadCloser {
	stop, end := int64(-1), func() error { return io.EOF }
	switch {
	case r.Short >= 0:
		stop = r.Short
	case r.Cut >= 0:
		stop, end = r.Cut, func() error { return fmt.Errorf("faulty: %w", failures["reset"]) }
	case r.Hang >= 0:
		stop, end = r.Hang, func() error { <-ctx.Done(); return ctx.Err() }
	case r.Flip < 0:
		return rc
	}
	b := &faultyBody{ReadCloser: rc, stop: stop, end: end, flip: r.Flip}
	if s, ok := rc.(driver.Summed); ok {
		return faultySummed{b, s}
	}
	return b
}

// faultySummed is a faultyBody whose store tells a checksum of what it should bring.
type faultySummed struct {
	*faultyBody
	of driver.Summed
}

func (b faultySummed) Sum() (hash.Hash, []byte) { return b.of.Sum() }

// faultyBody ends after stop bytes, unless that is -1, and has one wrong byte, at flip, unless that is -1.
type faultyBody struct {
	io.ReadCloser
	at   int64
	stop int64
	end  func() error
	flip int64
}

func (b *faultyBody) Read(p []byte) (int, error) {
	if b.stop >= 0 {
		if b.at >= b.stop {
			return 0, b.end()
		}
		p = p[:min(int64(len(p)), b.stop-b.at)]
	}
	n, err := b.ReadCloser.Read(p)
	if i := b.flip - b.at; b.flip >= 0 && i >= 0 && i < int64(n) {
		p[i] ^= 0x40
	}
	b.at += int64(n)
	return n, err
}
