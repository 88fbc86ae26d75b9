package ufs

import (
	"context"
	"io"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// request is a range of a version of a file, as the driver is asked for it.
type request struct {
	key     string
	off, n  int64  // n < 0: to the end
	version string // a condition, unless ""
}

// mostInBuffers is what an open body counts with at most: of more bytes no more than that lies between store and reader.
const mostInBuffers = 8 << 20

func (r *request) weight() int64 {
	if r.n < 0 || r.n > mostInBuffers {
		return mostInBuffers
	}
	return r.n
}

// stream is one answer of the driver to a request: a body, which holds its place in the store's limits, and a context of
// its own, until close.
type stream struct {
	s      *Store
	caller context.Context
	ctx    context.Context
	cancel context.CancelCauseFunc
	pass   pass
	watch  *watch
	rc     io.ReadCloser
	fed    bool // it has brought bytes
}

func (s *Store) newStream(ctx context.Context, p pass) *stream {
	st := &stream{s: s, caller: ctx, pass: p}
	st.ctx, st.cancel = context.WithCancelCause(ctx)
	st.watch = newWatch(s.o.AttemptTimeout, func() { st.cancel(errLate) })
	return st
}

// open asks the driver. After an error the stream is closed.
func (st *stream) open(r request) (Attr, error) {
	rc, a, err := st.s.d.Open(st.ctx, r.key, r.off, r.n, r.version)
	st.watch.end()
	st.rc = rc
	err = st.s.explain(st.caller, st.ctx, opOpen, err)
	if err == nil && r.version != "" && !a.Is(r.version) { // a store that knows no conditions answers with what it has
		err = driver.ErrChanged
	}
	took := st.pass.settle(st.caller, err, err == nil)
	if err == nil || context.Cause(st.ctx) == errOvertaken { // so long at least
		st.s.hedging.delays.Observe(took)
	}
	if err != nil {
		st.close()
	}
	return a, err
}

// read is Read, within the store's timeout. Bytes may come together with an error.
func (st *stream) read(p []byte) (int, error) {
	st.watch.begin()
	n, err := st.rc.Read(p)
	st.watch.end()
	if n > 0 && !st.fed {
		st.fed = true
		st.works()
	}
	return n, err
}

// works tells the breaker of an answer.
func (st *stream) works() { st.s.guard.settle(kindNone, false, false, nil) }

// close lets go of everything; a second one does nothing.
func (st *stream) close() error {
	if st.pass.s == nil {
		return nil
	}
	var err error
	if st.rc != nil {
		err = st.rc.Close()
	}
	st.watch.stop()
	st.cancel(errClosed)
	st.pass.leave()
	st.pass = pass{}
	return err
}

// openOnce makes one attempt to open a range: a second request beside the first, if that is late and it may be asked
// twice, is part of it.
func (s *Store) openOnce(ctx context.Context, r request) (*stream, Attr, error) {
	p, err := s.enter(ctx, opOpen, r.weight())
	if err != nil {
		return nil, Attr{}, err
	}
	st := s.newStream(ctx, p)
	if delay := s.hedgeAfter(r); delay > 0 {
		return s.openHedged(st, r, delay)
	}
	a, err := st.open(r)
	if err != nil {
		return nil, a, err
	}
	return st, a, nil
}

// hedgeAfter is how late an answer to r is asked for again; 0: never. Both answers must be of one version, and only a
// store that takes the version as a condition is sure to give that.
func (s *Store) hedgeAfter(r request) time.Duration {
	if s.o.DisableHedge || r.version == "" || r.n <= 0 || !s.d.Caps().IfVersion {
		return 0
	}
	return s.hedging.after()
}
