package cachefs

import (
	"context"
	"errors"
	"time"

	"github.com/millpond/millpond/peer"
)

// watchTime is how long a Client waits for a node before it asks whether that lives, and for the answer to that. A node that
// was cut off closes no connection.
const watchTime = 2 * time.Second

// errUnheard ends what waits for a node that does not answer any more.
var errUnheard = errors.New("the node does not answer")

// watched calls do, which waits for the node at an address, while that lives. If it does not, do's context ends, and the error
// is an elsewhere.
func (c *Client) watched(ctx context.Context, addr string, do func(ctx context.Context, addr string) error) error {
	ctx, end := c.watch(ctx, addr, func() {})
	defer end()
	err := do(ctx, addr)
	if _, is := err.(*elsewhere); !is && err != nil && context.Cause(ctx) == errUnheard {
		return &elsewhere{err}
	}
	return err
}

// watch returns a context that ends with errUnheard when the node at an address does not answer any more. each is called each
// time that it does.
func (c *Client) watch(ctx context.Context, addr string, each func()) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(watchTime, func() {
		c.spawn(func() { c.ping(ctx, addr, each, cancel) })
	})
	return ctx, func() { timer.Stop(); cancel(nil) }
}

// ping asks a node whether it lives until it does not, or ctx ends.
func (c *Client) ping(ctx context.Context, addr string, each func(), cancel context.CancelCauseFunc) {
	tick := time.NewTicker(watchTime)
	defer tick.Stop()
	for unreached := 0; ; {
		soon, stop := context.WithTimeout(ctx, watchTime)
		_, err := queryAt[helloAnswer](soon, c, addr, hello, &clientRequest[none]{})
		silent := err != nil && soon.Err() != nil && ctx.Err() == nil
		stop()
		if unreached++; !errors.Is(err, peer.ErrUnreachable) {
			unreached = 0
		}
		if silent || unreached == maxSilence {
			c.peers.Forget(addr)
			cancel(errUnheard)
		}
		if ctx.Err() != nil {
			return
		}
		each()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
