package cachefstest

import (
	"context"
	"fmt"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/peer"
)

// Client returns a Client that asks the nodes from a host of its own, in the order of their numbers; t's end closes it. There must be several
// nodes: one alone has no network. configure changes its DialConfig.
func (c *Cluster) Client(configure ...func(*cachefs.DialConfig)) *cachefs.Client {
	c.t.Helper()
	if len(c.members) < 2 {
		c.t.Fatalf("cachefstest: a Client of a node alone, which has no network; New with 2 nodes or more")
	}
	cfg := cachefs.DialConfig{Mesh: peer.DialConfig{Secret: secret, Network: c.net.Host(clientAddr(len(c.clients)))}}
	for i := range c.members {
		cfg.Mesh.Addresses = append(cfg.Mesh.Addresses, c.Addr(i)+port)
	}
	for _, f := range configure {
		f(&cfg)
	}
	client, err := cachefs.Dial(context.Background(), cfg)
	if err != nil {
		c.t.Fatalf("cachefstest: %v", err)
	}
	c.clients = append(c.clients, client)
	return client
}

// clientAddr is the address of the host of the i-th Client.
func clientAddr(i int) string { return fmt.Sprintf("10.1.0.%d", i+1) }

// VanishClient takes the power of the i-th Client's machine: the nodes hear nothing of it any more.
func (c *Cluster) VanishClient(i int) { c.net.Host(clientAddr(i)).Vanish() }
