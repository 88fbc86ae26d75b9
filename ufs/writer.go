package ufs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/millpond/millpond/ufs/driver"
)

// Writer is a file on its way to the store: invisible until Commit. One goroutine uses it. It ends with Commit or Abort;
// after a Commit that failed, Abort is allowed and leaves nothing.
type Writer struct {
	s      *Store
	key    string
	w      driver.Writer
	caller context.Context
	ctx    context.Context // the driver's: ends with caller, by a stall, and with the Writer
	cancel context.CancelCauseFunc
	watch  *watch
	done   bool // the driver has let go of it
}

// Create begins a file that shows, whole, at Commit, and replaces what was there unless o.IfAbsent; with o.IfVersion that
// version alone, or with Caps.ReplaceVersion false ErrUnsupported. Without o.Parents a store that has directories says
// ErrNotExist for a missing one. ctx ends the writes as well.
func (s *Store) Create(ctx context.Context, key string, o CreateOptions) (*Writer, error) {
	switch {
	case o.IfVersion != "" && o.IfAbsent:
		return nil, s.wrap(opCreate, key, 1, fmt.Errorf("%w: IfAbsent, and IfVersion; want one of them", driver.ErrInvalid))
	case o.IfVersion != "" && !s.Caps().ReplaceVersion:
		return nil, s.wrap(opCreate, key, 1, driver.ErrUnsupported)
	}
	t := s.tries(opCreate)
	for {
		w, err := s.createOnce(ctx, key, o)
		t.made++
		if err == nil {
			return w, nil
		}
		if err = t.again(ctx, err); err != nil {
			return nil, s.wrap(opCreate, key, t.made, err)
		}
	}
}

func (s *Store) createOnce(ctx context.Context, key string, o CreateOptions) (*Writer, error) {
	p, err := s.enter(ctx, opCreate, 0)
	if err != nil {
		return nil, err
	}
	defer p.leave()
	w := &Writer{s: s, key: key, caller: ctx}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	opening := newWatch(s.timeout(opCreate), func() { w.cancel(errLate) })
	w.w, err = s.d.Create(w.ctx, key, o)
	opening.stop()
	err = s.explain(ctx, w.ctx, opCreate, err)
	p.settle(ctx, err, false)
	if err != nil {
		w.cancel(errClosed)
		return nil, err
	}
	w.watch = newWatch(s.timeout(opWrite), func() { w.cancel(errLate) })
	w.watch.end()
	return w, nil
}

// Write takes all of p, or says why not. It may wait for what was written before to reach the store.
func (w *Writer) Write(p []byte) (int, error) {
	return w.write(len(p), func() (int, error) { return w.w.Write(p) })
}

// Lends reports whether the driver sends bytes that are lent from where they lie.
func (w *Writer) Lends() bool {
	_, ok := w.w.(driver.Lender)
	return ok
}

// WriteLent is Write of bytes that stay as they are until done is called: once, before Commit or Abort has returned. Where
// the driver does not lend, done is called at once.
func (w *Writer) WriteLent(p []byte, done func()) (int, error) {
	l, ok := w.w.(driver.Lender)
	if !ok {
		defer done()
		return w.Write(p)
	}
	taken := false
	n, err := w.write(len(p), func() (int, error) {
		taken = true
		return l.WriteLent(p, done)
	})
	if !taken {
		done()
	}
	return n, err
}

// write counts size bytes as under way while do hands them to the driver.
func (w *Writer) write(size int, do func() (int, error)) (int, error) {
	if w.done {
		return 0, w.s.wrap(opWrite, w.key, 1, fs.ErrClosed)
	}
	if err := w.s.writing.take(w.caller, int64(size)); err != nil {
		return 0, w.s.wrap(opWrite, w.key, 1, err)
	}
	defer w.s.writing.give(int64(size))
	w.watch.begin()
	n, err := do()
	w.watch.end()
	w.s.counters.written.Add(int64(n))
	if err != nil {
		err = w.s.explain(w.caller, w.ctx, opWrite, err)
		k := kindOf(w.caller, err)
		w.s.counters.failed(opWrite, k)
		w.s.guard.settle(k, false, false, err)
	}
	return n, w.s.wrap(opWrite, w.key, 1, err)
}

// copyBuffer is what ReadFrom moves at a time: fewer calls than io.Copy's 32 KiB.
const copyBuffer = 256 << 10

// ReadFrom writes all that r has.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, copyBuffer))
}

// Commit publishes the file. ErrExist with IfAbsent if there is one by then, ErrChanged with IfVersion if there is not that. After an error it is not published, unless
// that is a *driver.Unknown: the answer was lost. It is tried again only if the store has said that nothing happened.
func (w *Writer) Commit(ctx context.Context) (a Attr, err error) {
	if w.done {
		return a, w.s.wrap(opCommit, w.key, 1, fs.ErrClosed)
	}
	err = w.s.call(ctx, opCommit, w.key, func(ctx context.Context) error {
		w.done = true // from here on the driver cleans up; before, Abort does
		a, err = w.w.Commit(ctx)
		if harmless(opCommit, err) {
			w.done = false
		}
		return err
	})
	if w.done {
		w.close()
	}
	return a, err
}

// Abort gives the file up and leaves nothing. After Commit, and a second time, it does nothing.
func (w *Writer) Abort(ctx context.Context) error {
	if w.done {
		return nil
	}
	w.done = true
	err := w.w.Abort(ctx)
	w.close()
	if err != nil {
		return fmt.Errorf("abort %q in %s: %w", w.key, w.s.id, err)
	}
	return nil
}

func (w *Writer) close() {
	w.watch.stop()
	w.cancel(errClosed)
}

// abortAfter gives w up because of err, whatever the context says by now.
func (w *Writer) abortAfter(ctx context.Context, err error) error {
	return errors.Join(err, w.Abort(context.WithoutCancel(ctx)))
}
