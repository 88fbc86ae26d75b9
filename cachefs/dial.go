package cachefs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
)

// DialConfig is how a Client reaches the nodes.
type DialConfig struct {
	// Mesh says where nodes are and what they want to see of whom they let in: Addresses is needed, and the mesh's Secret, if
	// it has one.
	Mesh peer.DialConfig
	// RetryTime is how long a call goes on looking for a node while none answers. Default: 10 seconds. Negative: it asks
	// each address once.
	RetryTime time.Duration
	// CloseTimeout bounds Close. Default: 30 seconds.
	CloseTimeout time.Duration
	// Logger gets what a return value cannot carry. Default: nothing is logged.
	Logger *slog.Logger
}

// Client is a FileSystem that asks the nodes of a mesh: it is none of them, keeps no cache and no replica, and takes little
// memory. It asks one node while that answers and then another one; what a caller has seen of the namespace by one node it
// sees by the next: a node that is behind waits until it has caught up. That holds within one history of the mesh's journal:
// where the mesh has begun another one, from a backup or from nothing, or after Recover, the Client goes on with what that
// has. A change that a node was asked for, and did not answer, is asked of the next and happens once; where nobody can say
// whether it has, as of one that was going on in an under store, it is ErrUnknownOutcome.
//
// Its files and writers are those of a node, with these differences. A View is a copy. A Writer writes to one node, which
// does for it what its own Writer would; when that node is lost the file is not there, and the error is ErrLeaseLost, or
// ErrUnknownOutcome if Close was under way. Write returns before the bytes are written, so that a later call has its error.
// A Job ends with the node that runs it only to be started again at another.
type Client struct {
	cfg     DialConfig
	log     *slog.Logger
	peers   caller
	session journal.Session
	seen    seen

	addrs struct {
		sync.Mutex
		list []string // the one that answered last first
	}

	ctx    context.Context // ends with Shutdown
	cancel context.CancelCauseFunc
	tasks  struct {
		sync.Mutex
		closed bool
		wg     sync.WaitGroup
	}
}

var _ FileSystem = (*Client)(nil)

// caller is what a Client asks nodes through: *peer.Client.
type caller interface {
	Addresses(ctx context.Context) ([]string, error)
	Call(ctx context.Context, addr, method string, req []byte) ([]byte, error)
	CallLong(ctx context.Context, addr, method string, req []byte) ([]byte, error)
	ReadBlock(ctx context.Context, addr string, r peer.BlockRequest, dst [][]byte, arrived func(n int64)) (holders []string, err error)
	Dial(ctx context.Context, addr, proto string) (net.Conn, error)
	Forget(addr string)
	Close() error
}

// Dial returns a Client when a node has answered, or says why none does: a *peer.RefusedError if they refuse it. ctx is for Dial
// alone.
func Dial(ctx context.Context, cfg DialConfig) (*Client, error) {
	cfg = cfg.complete()
	peers, err := peer.Dial(cfg.Mesh)
	if err != nil {
		return nil, fmt.Errorf("cachefs: %w", err)
	}
	c := &Client{cfg: cfg, log: cfg.Logger, peers: peers, session: journal.NewSession(cfg.Mesh.Now)}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	if err := c.greet(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("cachefs: %w", err), c.Close())
	}
	return c, nil
}

// greet waits for a node that answers. Unlike a query it tells of those that did not when ctx ends: an address may be wrong.
func (c *Client) greet(ctx context.Context) error {
	return c.anywhere(ctx, func(ctx context.Context, addr string) error {
		_, err := queryAt[helloAnswer](ctx, c, addr, hello, request(ctx, c, none{}))
		return err
	})
}

func (c DialConfig) complete() DialConfig {
	c.RetryTime = orDefault(c.RetryTime, 10*time.Second)
	c.CloseTimeout = orDefault(c.CloseTimeout, 30*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Mesh.Now == nil {
		c.Mesh.Now = time.Now
	}
	return c
}

// ready is nil, or why a call does not begin.
func (c *Client) ready(ctx context.Context) error {
	if c.ctx.Err() != nil {
		return errClientClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// spawn runs task in a goroutine that Shutdown waits for; false once the Client is closed.
func (c *Client) spawn(task func()) bool {
	c.tasks.Lock()
	defer c.tasks.Unlock()
	if c.tasks.closed {
		return false
	}
	c.tasks.wg.Go(task)
	return true
}

// Close is Shutdown within DialConfig.CloseTimeout.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.CloseTimeout)
	defer cancel()
	return c.Shutdown(ctx)
}

// Shutdown ends the Client, not the nodes: calls under way and later ones are ErrClosed, what is being written is given up,
// its jobs end. A second call does nothing.
func (c *Client) Shutdown(ctx context.Context) error {
	c.tasks.Lock()
	c.tasks.closed = true
	c.tasks.Unlock()
	c.cancel(ErrClosed)
	ended := make(chan struct{})
	go func() { c.tasks.wg.Wait(); close(ended) }()
	err := c.peers.Close()
	select {
	case <-ended:
		return err
	case <-ctx.Done():
		return errors.Join(err, context.Cause(ctx))
	}
}
