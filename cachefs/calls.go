package cachefs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// What nodes ask of each other when they change the namespace. Requests and answers are JSON: they are few and small, and
// fields may be added. Paths are bytes in them, since a path need not be UTF-8.
const (
	callApplied = "cachefs.applied" // has your replica got that far, and your tiers what it asked of them?
	callHold    = "cachefs.hold"    // take copies of the blocks of a file that I have
	callMove    = "cachefs.move"    // I leave: have others take what I took of a file that you write
	callLoad    = "cachefs.load"    // bring a block that you own
	callLook    = "cachefs.look"    // look at your under store
	callLocate  = "cachefs.locate"  // which blocks of a file do you have?
	callReport  = "cachefs.report"  // how are you?
	callBackup  = "cachefs.backup"  // make a backup now
	callThere   = "cachefs.there"   // do you answer?
)

// serve answers what another node asks. ctx ends when nobody waits for the answer any more.
func (n *Node) serve(ctx context.Context, from, method string, req []byte) ([]byte, error) {
	switch method {
	case callApplied:
		return answer(req, func(r appliedRequest) (none, error) { return none{}, n.serveApplied(ctx, r) })
	case callHold:
		return answer(req, func(r holdRequest) (none, error) { return none{}, n.serveHold(ctx, from, r) })
	case callMove:
		return answer(req, func(r moveRequest) (none, error) { return none{}, n.serveMove(ctx, from, r) })
	case callLoad:
		return answer(req, func(r loadRequest) (loadAnswer, error) { return n.serveLoad(ctx, r) })
	case callLook:
		return answer(req, func(r sightRequest) (sight, error) { return n.serveLook(ctx, r) })
	case callLocate:
		return answer(req, func(r locateRequest) ([]int, error) { return n.kinds(r), nil })
	case callBackup:
		return answer(req, func(r backupRequest) (none, error) { return none{}, n.serveBackup(ctx, r) })
	case callThere:
		return answer(req, func(none) (none, error) { return none{}, nil })
	case callReport:
		return answer(req, func(none) (report, error) { return n.report(), nil })
	}
	if n.mesh != nil {
		return n.mesh.serveCall(ctx, method, req)
	}
	return nil, fmt.Errorf("%w: call %q", ErrUnsupported, method)
}

type none struct{}

// reply is what goes back: an answer, or an error that the caller can ask errors.Is of.
type reply[A any] struct {
	Answer A      `json:"answer"`
	Error  string `json:"error,omitempty"`
	Kind   int    `json:"kind,omitempty"` // of the error, in callErrors
}

// callErrors are the errors that callers tell apart, by number. New ones go to the end.
var callErrors = []error{nil, ErrNotExist, ErrNoSpace, ErrClosed, ErrChanged, ErrNotDir, ErrPermission, errKnown, errNoAccess, ErrNoPrimary, ErrBackupFenced, ErrInvalid, errLags}

// remoteError is an error of another node.
type remoteError struct {
	text string
	is   error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.is }

func answer[R, A any](raw []byte, do func(R) (A, error)) ([]byte, error) {
	var req R
	if err := json.Unmarshal(raw, &req); err != nil {
		return nil, invalid("a call of %T: %v", req, err)
	}
	a, err := do(req)
	out := reply[A]{Answer: a}
	if err != nil {
		out.Error = err.Error()
		for i, e := range callErrors[1:] {
			if errors.Is(err, e) {
				out.Kind = i + 1
			}
		}
	}
	return json.Marshal(out)
}

// askNode calls another node. What that answers with an error comes as one that errors.Is knows; one that is
// unanswered says that there was no answer.
func askNode[A any](ctx context.Context, n *Node, to, method string, req any) (A, error) {
	return askBy[A](ctx, n.nodes.call, to, method, req)
}

// askBy is askNode by one of the calls of nodes.
func askBy[A any](ctx context.Context, call func(ctx context.Context, to, method string, req []byte) ([]byte, error), to, method string, req any) (a A, err error) {
	raw, err := json.Marshal(req)
	if err != nil {
		return a, err
	}
	if raw, err = call(ctx, to, method, raw); err != nil {
		return a, &unanswered{fmt.Errorf("%s asked of %s: %w", method, to, err)}
	}
	var got reply[A]
	if err := json.Unmarshal(raw, &got); err != nil {
		return a, &unanswered{fmt.Errorf("%s asked of %s: %w", method, to, err)}
	}
	if got.Error == "" {
		return got.Answer, nil
	}
	e := &remoteError{text: fmt.Sprintf("node %s: %s", to, got.Error)}
	if got.Kind > 0 && got.Kind < len(callErrors) {
		e.is = callErrors[got.Kind]
	}
	return a, e
}

// unanswered is that a node could not be asked, or did not answer.
type unanswered struct{ error }

func (e *unanswered) Unwrap() error { return e.error }
