package cachefstest

import "github.com/millpond/millpond/internal/netsim"

// Sent is what has gone over the cluster's network.
func (c *Cluster) Sent() netsim.Stats { return c.net.Stats() }
