// Package gossip says who is in the mesh: hashicorp/serf over one UDP socket and over streams that somebody else opens
// and authenticates.
//
// # Model
//
// A Gossip is this node's part in it. What it hears of others comes as Events, in order, from one goroutine. A node
// that fails is tried again for a day, so that two halves of a mesh find each other when the network heals.
//
// # Format of a packet
//
// memberlist encrypts a packet when there is a secret, but takes an old one again, and one that was meant for another.
// So each travels inside of:
//
//	offset  bytes
//	0       1      version, 1
//	1       1      which secret: the first byte of the key that is derived from it
//	2       8      boot: a random number of the sender's run
//	10      8      counter: 1 for its first packet, and so on
//	18      8      Unix time in milliseconds, by the sender's clock
//	26      16     HMAC-SHA256, cut, of all above, the receiver's address, and the payload
//	42      ...    payload: memberlist's, encrypted by AES-256-GCM if there is a secret
//
// Numbers are big-endian. The address is 16 bytes of IPv6 (IPv4 mapped into it) and 2 of port, as it is gossiped; it
// does not travel. The keys are HKDF-SHA256 of the secret, or of nothing, with the cluster's name as salt: clusters do
// not hear each other. A packet is refused if its time lies 5 minutes off, if its boot and counter were seen, or if its counter is
// 1,024 below the highest, or below that of the boot's first packet that was taken. That one must not be older than this node's run. A
// clock that is set back by less than 5 minutes before it comes lets in what was recorded that long before this node's run.
//
// # Concurrency
//
// All methods may be called from any goroutine.
package gossip
