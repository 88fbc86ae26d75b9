// Package link is the connections between the nodes of a mesh: one TCP port for all protocols, authentication of each
// connection both ways, calls, reads of blocks, and streams. It knows no members and no ring: it is told ids, and finds
// their addresses through Config.Resolve.
//
// # Model
//
// An Endpoint is one node's side of all of its connections. Who dials makes the requests, the other side serves them; two nodes that
// ask each other have connections both ways. The first byte of a connection says what it is for: frames (calls and
// blocks), a stream that Dial opened, or gossip. A node keeps up to eight connections for calls, eight for small reads and four for large
// requests to each other node, dials them when they are needed, and closes them when they are idle.
//
// Config.DialHere may know a shorter way to a node of the same host, as a Unix socket. It is tried first; where it leads nowhere, or
// to another node, the usual way is tried, and alone is told of. Where the handshake there is cut off for its time, the other side may have been
// handed a stream that nobody uses. Gossip always takes the usual one, since it finds out what the network does.
//
// # The handshake
//
// All numbers are big endian. A string is a byte with its length and its bytes.
//
//	client: preface                              server: challenge
//	| protocol 1 | "mlp" 3 | newest 1 |          | "mlpd" 4 | newest 1 | oldest 1 | secured 1 | 0 |
//	| oldest 1 | secured 1 | 0 |                 | nonce 32 |
//
// protocol is 'F' for frames, 'S' for a stream, 'G' for gossip. newest and oldest are the versions of the wire that the side
// speaks, secured how it secures connections (1: a secret, 2: TLS, 4: TLS with keys from the secret). Sides that differ
// part here. Then comes TLS 1.3, if it is used, and inside it, each with its length (2 bytes, at most 2 KiB) in front:
//
//	client: hello    | nonce 32 | boot 16 | time 8 | level 4 | id | id that is called | cluster | stream's protocol |
//	                 | proofs 1 | proof 32 ... |
//	server: answer   | 0 | boot 16 | time 8 | level 4 | requests 4 | bytes of calls 4 | id | cluster | proofs 1 | proof 32 |
//	       or        | refusal 1 | text |
//
// A proof is HMAC-SHA-256, under a key that HKDF derives from a secret, of the side's role and of all that was said before, and,
// under TLS, of 32 bytes that TLS exports from this very connection; each part has its length (4 bytes) in front.
// The client proves each of the secrets that it accepts, the server the first of them that it accepts, too. Nonces are random: what was
// recorded proves nothing on another connection. The server's answer has its credit. The server judges first and
// tells what differs only to who has proven a secret; boot, random for each run, tells a second node with the same id from a node that
// calls itself.
//
// # Frames
//
//	| kind 1 | 0 | meta's length 2 | body's length 4 | request 8 | check 8 |  meta  |  body  |
//
// The check is xxhash64 of the 16 bytes in front of it and of the meta. Requests are numbered by the client, and rise.
//
//	1 call     client  | time left, ms 4 | sum 8 | method |                    body: the request
//	2 read     client  | time left, ms 4 | key 20 | offset 8 | length 8 | fill 1 | hint's length 2 | hint |
//	3 cancel   client
//	4 answer   server  | sum 8 |                                               body: the answer
//	5 error    server  | how 1 | code 4 | text |
//	6 data     server  | offset 8 | sum 8 ... |                                body: bytes of the block
//	7 end      server  | length 8 | holders 1 | id ... |
//
// Sums are xxhash64 of a whole call or answer, and of a block's bytes XXH3, one for each piece, which end at multiples of 64 KiB
// of the block and at the ends of the body, so that what a disk keeps serves for what is sent. The offset of data is
// in what was asked for, and is what has come so far. A read ends with an end or an error, a call with an answer or an error, and both do
// so also after a cancel.
//
// # Guarantees
//
// A block's bytes go from the socket to the caller's memory and are verified there; from memory they leave with one
// writev, or into a Unix socket by reference, from a file by sendfile. A piece that came changed is ErrChecksum, and the
// connection goes on. A frame that is too long, unknown, changed, truncated or out of order ends its connection, with an
// event, on both ends; so does a client that takes more than its credit.
//
// A request waits no longer than its context, whatever the other side does, but for one thing: a small one that fills the
// socket of a side that hangs is written for StallTime at most. Nobody waits for a slow reader but who
// sends to it: bytes are sent only for which the reader has the place, each connection has a writer's turn of its own, and
// a write that takes longer than StallTime, or bytes by reference that are not read for so long, end their connection.
//
// Memory is bounded: at most 64 requests of a connection, 32 frame connections of a node, Config.CallBytes of calls' requests
// are served at a time, and of a connection's reads whose handlers use InTurn two have bytes at hand, besides what a Unix
// socket has by reference: 1 MiB at most, of frames of 256 KiB or more. A connection that is not authenticated has one goroutine,
// some KiB and Config.HandshakeTime, and there are at most Config.MaxStrangers.
//
// # Concurrency
//
// All methods of an Endpoint may be called from any goroutine. A BlockWriter is its ServeBlock's own.
//
// # Errors
//
// A handshake that fails is a *RefusedError that wraps one of ErrSecret, ErrCluster, ErrVersion, ErrClock, ErrIdentity,
// ErrSameID, ErrSelf, ErrSecurity, ErrCertificate, ErrNotPeer, ErrCrowded: returned to who dialled, told to Events on both sides.
// Requests end with ErrUnreachable, ErrUnknownOutcome, ErrMissing, ErrChecksum, ErrTooLarge, ErrClosed, a *RemoteError, or
// their context's error.
package link
