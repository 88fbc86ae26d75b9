package cachefs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/millpond/millpond/tier"
)

// farWriter is a Writer of a Client: a node writes, and what it is told goes over a stream of its own.
type farWriter struct {
	c    *Client
	path string
	id   tier.FileID
	conv *conversation
	mu   struct {
		sync.Mutex
		buf  []byte // of bytes that do not fill a frame yet
		err  error  // the first that ended it
		done bool   // closed or aborted
	}
}

// Create is Node.Create, at one of the nodes.
func (c *Client) Create(ctx context.Context, path string, o *CreateOptions) (*Writer, error) {
	w := &farWriter{c: c, path: path}
	conv, ready, err := converse[createAnswer](ctx, c, "create", pathArgs[CreateOptions]{[]byte(path), deref(o)}, nil)
	if err != nil {
		return nil, pathError("create", path, notThere(err))
	}
	copy(w.id[:], ready.File)
	w.conv = conv
	return &Writer{w}, nil
}

// notThere adds to the error of a writer whose node was lost what that means.
func notThere(err error) error {
	switch {
	case !nodeLost(err):
		return err
	case errors.Is(err, ErrClosed): // the node: to the caller it would be the Writer, or the Client
		return fmt.Errorf("%w: the node has closed; nothing of the file stays", ErrLeaseLost)
	}
	return fmt.Errorf("%w: %w; nothing of the file stays", ErrLeaseLost, err)
}

func (w *farWriter) Name() string { return w.path }

func (w *farWriter) Write(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usableLocked(); err != nil {
		return 0, pathError("write", w.path, err)
	}
	for n < len(p) {
		var m int
		if len(w.mu.buf) == 0 && len(p)-n >= streamPiece {
			m, err = streamPiece, w.conv.data(p[n:n+streamPiece])
		} else {
			m, err = w.keepLocked(p[n:])
		}
		if err != nil {
			return n, pathError("write", w.path, w.failLocked(err))
		}
		n += m
	}
	return n, nil
}

// keepLocked takes what of p fits into the frame that is not full yet.
func (w *farWriter) keepLocked(p []byte) (int, error) {
	if w.mu.buf == nil {
		w.mu.buf = make([]byte, 0, streamPiece)
	}
	m := min(len(p), streamPiece-len(w.mu.buf))
	if w.mu.buf = append(w.mu.buf, p[:m]...); len(w.mu.buf) < streamPiece {
		return m, nil
	}
	return m, w.flushLocked()
}

// flushLocked sends what waits for a frame to be full.
func (w *farWriter) flushLocked() error {
	if len(w.mu.buf) == 0 {
		return nil
	}
	err := w.conv.data(w.mu.buf)
	w.mu.buf = w.mu.buf[:0]
	return err
}

func (w *farWriter) ReadFrom(r io.Reader) (n int64, err error) {
	from := &erring{r: r}
	n, err = io.CopyBuffer(struct{ io.Writer }{w}, from, make([]byte, streamPiece))
	if !from.failed() {
		return n, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usableLocked(); err != nil {
		return n, pathError("write", w.path, err)
	}
	return n, pathError("write", w.path, w.endLocked(err))
}

// usableLocked is nil while bytes can be appended.
func (w *farWriter) usableLocked() error {
	switch {
	case w.mu.err != nil:
		return w.mu.err
	case w.mu.done:
		return ErrClosed
	}
	if err := w.conv.failure(); err != nil {
		return w.failLocked(err)
	}
	return nil
}

// failLocked ends the writer with err, of the node or of the way to it.
func (w *farWriter) failLocked(err error) error {
	return w.endLocked(notThere(err))
}

// endLocked is failLocked with an error that is not of the node's.
func (w *farWriter) endLocked(err error) error {
	w.mu.err, w.mu.done, w.mu.buf = err, true, nil
	w.conv.end(err)
	return err
}

func (w *farWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.usableLocked()
	if err == nil {
		if err = w.flushLocked(); err != nil {
			w.failLocked(err)
		}
	}
	if err != nil {
		return pathError("close", w.path, err)
	}
	if err := w.closeLocked(); err != nil {
		w.mu.err, w.mu.done, w.mu.buf = err, true, nil
		return pathError("close", w.path, err)
	}
	w.mu.done, w.mu.buf = true, nil
	return nil
}

// settleClose is how long a Client asks the nodes whether a file is complete whose Close was not answered.
const settleClose = 2 * time.Second

// closeLocked has the node close the file. If that does not answer another one may know that the file is complete.
func (w *farWriter) closeLocked() error {
	word, err := w.conv.conclude(frameClose)
	if word && !nodeLost(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.conv.ctx), settleClose)
	defer cancel()
	info, statErr := w.c.Stat(ctx, w.path, &StatOptions{Consistent: true})
	if statErr == nil && info.Complete() && info.FileID() == w.id {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
}

func (w *farWriter) Abort() error {
	w.conv.giveUp()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.mu.done && w.mu.err == nil:
		return pathError("abort", w.path, ErrClosed)
	case w.mu.done:
		return nil
	}
	w.mu.done, w.mu.buf = true, nil
	return nil
}
