package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/millpond/millpond/peer/internal/link"
)

// DialConfig is how a program that is no node reaches those of a mesh.
type DialConfig struct {
	// Addresses say where nodes are, one or more of them, as Config.Join does. They are looked up again as they are needed.
	Addresses []string
	// Cluster, Secret, OldSecrets, TLS and Encrypt are those of the mesh: see Config.
	Cluster    string
	Secret     string
	OldSecrets []string
	TLS        *tls.Config
	Encrypt    bool
	// TCPOnly has nodes of this host called over TCP: see Config.
	TCPOnly bool
	// Network is what to run over. Default: the operating system's.
	Network Network
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// complete returns c as the Config of a node would have it, or everything that is wrong with it.
func (c DialConfig) complete() (Config, error) {
	as, _ := Config{
		Join: c.Addresses, Cluster: c.Cluster, Secret: c.Secret, OldSecrets: c.OldSecrets, TLS: c.TLS, Encrypt: c.Encrypt,
		TCPOnly: c.TCPOnly, Network: c.Network, Now: c.Now,
	}.complete() // what it would check is in other words below
	f := faults{of: "DialConfig"}
	if len(c.Addresses) == 0 {
		f.add("Addresses", "empty", `give the host:port of one node or more, or a DNS name that has them`)
	}
	for i, a := range c.Addresses {
		if why := checkSource(a); why != "" {
			f.add(fmt.Sprintf("Addresses[%d]", i), fmt.Sprintf("%q", a), why)
		}
	}
	f.label("Cluster", c.Cluster)
	as.checkSecrets(&f)
	return as, errors.Join(f.errs...)
}

// clientPrefix begins the names of clients. A node's id has no slash, so neither is taken for the other.
const clientPrefix = "client/"

// IsClient reports whether who asks, as a Handler is told, is a Client rather than a node.
func IsClient(from string) bool { return strings.HasPrefix(from, clientPrefix) }

// Client asks nodes of a mesh without being one: it is no member, owns nothing and serves nothing. Its connections are
// authenticated and secured as those between nodes. Nodes are named by address here. All methods may be called by any
// number of goroutines.
type Client struct {
	sources sources
	link    *link.Endpoint
}

// Dial returns a Client. It connects when it is first asked for something.
func Dial(cfg DialConfig) (*Client, error) {
	c, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	l, err := link.New(link.Config{
		ID: clientPrefix + randomID(), Cluster: c.Cluster, Handler: mute{}, Dial: c.Network.Dial, DialHere: c.dialHere(),
		Secrets: c.secrets(), TLS: c.TLS, Encrypt: c.Encrypt, Now: c.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Client{sources: sources{join: c.Join, network: c.Network}, link: l}, nil
}

// mute serves nothing: nobody connects to a client.
type mute struct{}

func (mute) ServeBlock(context.Context, string, *link.BlockRequest, *link.BlockWriter) error {
	return ErrMissing
}
func (mute) ServeCall(context.Context, string, string, []byte) ([]byte, error) {
	return nil, ErrClosed
}
func (mute) ServeStream(_, _ string, conn net.Conn) { _ = conn.Close() }

// Addresses are those that DialConfig.Addresses stand for now. There may be some beside an error.
func (c *Client) Addresses(ctx context.Context) ([]string, error) { return c.sources.addrs(ctx) }

// Call is Mesh.Call to the node at an address.
func (c *Client) Call(ctx context.Context, addr, method string, req []byte) ([]byte, error) {
	return c.link.Call(ctx, addr, method, req)
}

// CallLong is Mesh.CallLong to the node at an address.
func (c *Client) CallLong(ctx context.Context, addr, method string, req []byte) ([]byte, error) {
	return c.link.CallLong(ctx, addr, method, req)
}

// ReadBlock is Mesh.ReadBlock from the node at an address.
func (c *Client) ReadBlock(ctx context.Context, addr string, r BlockRequest, dst [][]byte, arrived func(n int64)) (holders []string, err error) {
	return c.link.ReadBlock(ctx, addr, link.BlockRequest(r), dst, arrived)
}

// Dial is Mesh.Dial to the node at an address.
func (c *Client) Dial(ctx context.Context, addr, proto string) (net.Conn, error) {
	return c.link.Dial(ctx, addr, proto)
}

// Forget closes the connections to an address that is not believed to answer any more; what waits for it ends with
// ErrUnreachable or ErrUnknownOutcome.
func (c *Client) Forget(addr string) { c.link.Forget(addr) }

// Close ends all connections but those of Dial.
func (c *Client) Close() error { return c.link.Close() }
