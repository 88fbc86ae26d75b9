package cachefs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/peer"
)

// wireError is an error on its way to a Client: errors.Is, the paths and the words are there what they are here.
type wireError struct {
	Text  string       `codec:"t,omitempty"`
	Kinds []int        `codec:"k,omitempty"` // what it is, in wireErrors
	Shape errorShape   `codec:"s,omitempty"`
	Op    string       `codec:"o,omitempty"` // of a PathError, a LinkError
	Path  []byte       `codec:"p,omitempty"` // the same
	To    []byte       `codec:"n,omitempty"` // of a LinkError
	Of    []*wireError `codec:"e,omitempty"` // what it is made of
}

type errorShape uint8

const (
	plainError  errorShape = iota
	onePath                // *fs.PathError
	twoPaths               // *os.LinkError
	manyErrors             // errors.Join
	deepestWire = 16       // errors in errors, at most
)

// wireErrors are the errors that callers tell apart, by number. New ones go to the end.
var wireErrors = []error{
	nil, ErrExist, ErrNotExist, ErrPermission, ErrInvalid, ErrClosed, ErrNotDir, ErrIsDir, ErrNotEmpty, ErrReadOnly, ErrIncomplete,
	ErrLeaseLost, ErrCrossMount, ErrBusy, ErrNotPersisted, ErrPinned, ErrNoSpace, ErrNoPrimary, ErrUnknownOutcome, ErrChanged,
	ErrUnsupported, ErrNotMounted, ErrLost, ErrCancelled, errBehind, errNotOpen, errUnled, errLostPrimary, context.Canceled, context.DeadlineExceeded,
	io.EOF, io.ErrUnexpectedEOF, io.ErrShortWrite, os.ErrDeadlineExceeded, namespace.ErrFull, peer.ErrUnreachable, peer.ErrChecksum,
}

// errorToWire is nil for nil.
func errorToWire(err error) *wireError {
	if err == nil {
		return nil
	}
	switch e := err.(type) {
	case *fs.PathError:
		return &wireError{Shape: onePath, Op: e.Op, Path: []byte(e.Path), Of: []*wireError{errorToWire(e.Err)}}
	case *os.LinkError:
		return &wireError{Shape: twoPaths, Op: e.Op, Path: []byte(e.Old), To: []byte(e.New), Of: []*wireError{errorToWire(e.Err)}}
	case interface{ Unwrap() []error }:
		if parts := e.Unwrap(); joined(err, parts) {
			w := &wireError{Shape: manyErrors}
			for _, p := range parts {
				w.Of = append(w.Of, errorToWire(p))
			}
			return w
		}
	}
	return plainToWire(err)
}

// briefText is how much of its words an error keeps that is too long to be sent: a few lines.
const briefText = 1 << 10

// briefToWire is what err is, and how its words begin.
func briefToWire(err error) *wireError {
	w := plainToWire(err)
	if len(w.Text) > briefText {
		w.Text = w.Text[:briefText] + "... (cut)"
	}
	return w
}

// plainToWire is an error of words and kinds, without its parts.
func plainToWire(err error) *wireError {
	w := &wireError{Text: err.Error()}
	for i, kind := range wireErrors[1:] {
		if errors.Is(err, kind) {
			w.Kinds = append(w.Kinds, i+1)
		}
	}
	return w
}

// joined reports whether err is what errors.Join makes of parts.
func joined(err error, parts []error) bool {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.Error()
	}
	return err.Error() == strings.Join(texts, "\n")
}

// error is the error that w tells of; nil for nil.
func (w *wireError) error() error { return w.errorWithin(deepestWire) }

func (w *wireError) errorWithin(depth int) error {
	if w == nil {
		return nil
	}
	if depth == 0 {
		return invalid("an error made of errors deeper than %d", deepestWire)
	}
	of := make([]error, len(w.Of))
	for i, o := range w.Of {
		of[i] = o.errorWithin(depth - 1)
	}
	switch {
	case w.Shape == onePath && len(of) == 1 && of[0] != nil:
		return &fs.PathError{Op: w.Op, Path: string(w.Path), Err: of[0]}
	case w.Shape == twoPaths && len(of) == 1 && of[0] != nil:
		return &os.LinkError{Op: w.Op, Old: string(w.Path), New: string(w.To), Err: of[0]}
	case w.Shape == manyErrors:
		return errors.Join(of...)
	}
	return w.plain()
}

// plain is an error of words and kinds; the kind itself if it has no other words.
func (w *wireError) plain() error {
	var kinds []error
	for _, k := range w.Kinds {
		if k > 0 && k < len(wireErrors) {
			kinds = append(kinds, wireErrors[k])
		}
	}
	if len(kinds) == 1 && kinds[0].Error() == w.Text {
		return kinds[0]
	}
	return &remoteError{text: w.Text, is: errors.Join(kinds...)}
}
