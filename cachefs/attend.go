package cachefs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/millpond/millpond/peer"
)

// maxSilence is how often in a row a node that works for this one may fail to say that it is there: a packet is lost now and
// then, a pause is over by the second time.
const maxSilence = 2

// errGone is why a call was given up whose node does not answer. Others may reach it, so that it lives for all they know.
var errGone = errors.New("the node has stopped answering")

// askAttended is askNode for calls that may take as long as their work does. While one is out the node is asked whether it
// is there at all: between two nodes the network may break that reach everybody else.
func askAttended[A any](ctx context.Context, n *Node, to, method string, req any) (A, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var attending sync.WaitGroup
	attending.Go(func() {
		if n.stopsAnswering(ctx, to) {
			cancel(errGone)
		}
	})
	a, err := askBy[A](ctx, n.nodes.callLong, to, method, req)
	if context.Cause(ctx) == errGone && err != nil {
		err = &unanswered{errors.Join(errGone, err)}
	}
	cancel(nil)
	attending.Wait()
	return a, err
}

// stopsAnswering returns true once a node has not answered maxSilence times, false when ctx ends.
func (n *Node) stopsAnswering(ctx context.Context, id string) bool {
	for missed := 0; missed < maxSilence; {
		select {
		case <-time.After(askPatience):
		case <-ctx.Done():
			return false
		}
		probe, cancel := context.WithTimeout(ctx, askPatience)
		_, err := askNode[none](probe, n, id, callThere, none{}) // an error is an answer, too, of who is reached
		if missed++; probe.Err() == nil && !errors.Is(err, peer.ErrUnreachable) {
			missed = 0
		}
		cancel()
	}
	return ctx.Err() == nil
}
