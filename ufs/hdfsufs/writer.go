package hdfsufs

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"github.com/millpond/millpond/ufs/driver"
)

// writer writes a temporary file.
type writer struct {
	s         *store
	x         *lent // nil when it has been given back
	f         *hdfs.FileWriter
	key       string
	path      string // that it will have
	temp      string // that it has
	id        uint64
	o         driver.CreateOptions
	size      int64 // that has been written
	blockSize int64
	blocks    bool // the library has begun one, which it has to end
	err       error
	done      bool // it has its name
}

// Write sends bytes to the DataNodes. None at all are not sent: the library would begin a block with which the file could
// never be closed.
func (w *writer) Write(p []byte) (int, error) {
	if w.x == nil || w.err != nil {
		return 0, errors.Join(errors.New("nothing more can be written"), w.err)
	}
	if len(p) == 0 {
		return 0, nil
	}
	w.blocks = true
	n, err := w.send(p)
	if err == nil {
		err = w.x.conns.broken()
	}
	if err != nil {
		w.err = w.x.explain(err)
	}
	return n, w.err
}

// Commit closes the file and gives it its name.
func (w *writer) Commit(ctx context.Context) (driver.Attr, error) {
	if w.x != nil {
		if err := w.close(ctx); err != nil {
			return driver.Attr{}, errors.Join(driver.NotAgain(err), w.Abort(ctx)) // what was not closed is not closed once more
		}
	}
	err := w.publish(ctx)
	if _, later := errors.AsType[*driver.Retryable](err); later {
		return driver.Attr{}, err
	}
	if err != nil {
		return driver.Attr{}, w.undo(ctx, err)
	}
	w.done = true
	a, err := w.s.Stat(ctx, w.key)
	if err != nil {
		return driver.Attr{}, &driver.Unknown{Err: err}
	}
	return a, nil
}

// closeAgain is how long the NameNode is left alone that has not yet heard of the last block: a DataNode tells it within
// milliseconds.
const closeAgain = 10 * time.Millisecond

// close makes the temporary file whole.
func (w *writer) close(ctx context.Context) error {
	if w.err != nil {
		return w.err
	}
	if err := w.x.explain(w.complete(ctx)); err != nil {
		return err
	}
	w.s.pool.give(w.x, nil)
	w.x = nil
	return nil
}

func (w *writer) complete(ctx context.Context) error {
	defer w.x.conns.bind(ctx)()
	err := w.f.Close()
	if !hdfs.IsErrReplicating(err) {
		return err
	}
	for pause(ctx, closeAgain) {
		if done, err := w.x.complete(w.temp, w.id, w.size); done || err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// publish gives the file its name.
func (w *writer) publish(ctx context.Context) error {
	if w.o.Parents && path.Dir(w.temp) != path.Dir(w.path) {
		err := w.s.call(ctx, func(x *session) error { return x.c.MkdirAll(path.Dir(w.path), 0o755) })
		if err != nil {
			return err
		}
	}
	return w.s.move(ctx, w.temp, w.path, w.id, !w.o.IfAbsent)
}

// undo removes what could not be published. If it was still there to be removed, it never was: also then the error is no
// Unknown.
func (w *writer) undo(ctx context.Context, err error) error {
	removed, derr := w.s.drop(ctx, w.temp)
	unknown, is := errors.AsType[*driver.Unknown](err)
	switch {
	case is && removed:
		return unknown.Err
	case derr != nil:
		return errors.Join(err, w.left(derr))
	}
	return err
}

func (w *writer) left(err error) error { return fmt.Errorf("temporary file %q: %w", w.temp, err) }

// Abort leaves nothing. A NameNode that does not answer may be waited for behind.
func (w *writer) Abort(ctx context.Context) error {
	if w.done {
		return nil
	}
	if w.x != nil {
		w.x.release()
		w.x.conns.kill(errEnded)
		if w.blocks {
			w.f.Close() // ends the library's goroutines; over connections that are closed it cannot do more
		}
		w.x.end()
		w.x = nil
	}
	if _, err := w.s.drop(ctx, w.temp); err != nil {
		return w.left(err)
	}
	return nil
}
