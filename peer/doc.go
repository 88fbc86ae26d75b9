// Package peer makes the processes of one job find each other and talk: who is there, which of them owns a key, calls,
// and blocks from one to another, over one port.
//
// # Model
//
// A node has an id that outlives its process and an address that may not. Nodes gossip (hashicorp/serf) about who
// lives; each computes the same ring (consistent hashing weighted by capacity) from that, so that the owner of a key is
// known without asking. A Mesh knows nothing of files: a Key is 20 bytes that it does not look into.
//
// # Concurrency
//
// A Config is a value. All methods of a Mesh may be called from any goroutine.
//
// # Errors
//
// A Config is refused with everything that is wrong with it, field by field.
package peer
