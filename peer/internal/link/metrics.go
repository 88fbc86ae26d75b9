package link

import "sync/atomic"

// Metrics are counts since the endpoint was made.
type Metrics struct {
	Calls    int64 // that this node made
	Reads    int64 // of blocks, that this node made
	BytesIn  int64 // of blocks
	BytesOut int64 // of blocks and answers
	Refused  int64 // connections that one side did not let in
	Crowded  int64 // connections that were closed before they said who they are, since too many came
	Broken   int64 // connections that were closed for a bad frame
	Corrupt  int64 // pieces of blocks that came changed
	Serving  int64 // requests of others that are being served now
}

type stats struct {
	calls, reads, bytesIn, bytesOut, refused, crowded, broken, corrupt, serving atomic.Int64
}

// Metrics returns the counts.
func (e *Endpoint) Metrics() Metrics {
	s := &e.stats
	return Metrics{
		Calls: s.calls.Load(), Reads: s.reads.Load(), BytesIn: s.bytesIn.Load(), BytesOut: s.bytesOut.Load(),
		Refused: s.refused.Load(), Crowded: s.crowded.Load(), Broken: s.broken.Load(), Corrupt: s.corrupt.Load(), Serving: s.serving.Load(),
	}
}
