// Package peer makes the processes of one job find each other and talk: who is there, which of them owns a key, calls,
// and blocks from one to another, over one port.
//
// # Model
//
// A node has an id that outlives its process and an address that may not. Nodes gossip (hashicorp/serf) about who
// lives; each computes the same ring (consistent hashing weighted by capacity) from that, so that the owner of a key is
// known without asking. A Mesh knows nothing of files: a Key is 20 bytes that it does not look into.
//
// Config says where others may be found. Joining goes on in the background until it works, and again when the network
// was split: nobody has to help. A node that stops is seen to have failed after about two seconds, or nine where one
// node is left alone, with nobody to confirm it; it keeps its keys for Config.GraceTime, while the next in the ring stand
// in, so that one that is restarted moves no block. One that says that it leaves gives its keys up at once.
//
// Between hosts everything passes one port: gossip's packets over UDP; over TCP, gossip's exchanges of state, calls and
// blocks, and streams for whatever the program wants. A secret encrypts gossip and lets both ends of each connection prove that
// they know it; Encrypt, or TLS with certificates of your own, encrypts connections as well.
//
// Calls, blocks and streams between processes of one user on one Linux host go through a Unix socket instead, unless
// Config.TCPOnly says otherwise, with the same handshake and the same encryption. It is in the abstract namespace, under the
// address that others know the node by (ss -xl shows @millpond/host:port; each network namespace has its own), and gone with
// its process. TCP serves where that leads nowhere: to another user, to a node that is called by another address than it
// tells, and always for user 65534 (nobody), whom user namespaces confuse with others. ConnInfo.Unix tells which it was.
// The addresses of streams of Dial and ServeStream are *net.UnixAddr then.
//
// A program that is no node makes a Client with Dial: it calls, reads and opens streams by nodes' addresses, over connections
// that are authenticated in the same way, and is not a member.
//
// # Guarantees
//
// Nodes that know the same members agree on the owners of every key. A share of the ring is within 5 % of the fair one.
// What a stranger sends changes nothing and is not remembered, also if it was recorded from a member. Nodes of
// different clusters, secrets or security, with clocks more than 5 minutes apart, or of one id, are not in one mesh: each
// side is told why, by Events.Refused. When ReadBlock has returned nothing writes into its memory any more. Close ends all
// goroutines and connections but those that Dial and ServeStream handed out.
//
// # Concurrency
//
// A Config is a value. All methods of a Mesh and of a Client may be called from any goroutine. Owners and Members take no lock; Owners
// makes the ring when it is first asked after a change, which takes some milliseconds.
//
// # Errors
//
// A Config is refused with everything that is wrong with it, field by field. A call ends with ErrUnreachable if it surely
// was not delivered, with ErrUnknownOutcome if it may have been, with a *RemoteError if the other side answered with an
// error; a read with ErrMissing, ErrUnreachable or ErrChecksum: it may be made again elsewhere.
package peer
