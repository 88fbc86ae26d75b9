package link

// request is a call or a read on its way. What is not said to be otherwise is guarded by the client's mu.
type request struct {
	id   uint64 // 0 until it is being written
	done chan struct{}
	over bool // done is closed, and what follows is set: nobody waits any more, and nothing writes to dst
	outcome

	others bool // are under way as well, or were when it was written
	call   int  // bytes of a call's request that count against the credit

	read    *BlockRequest // asked; nil: a call
	asked   BlockRequest
	dst     [][]byte      // what is left of the place for the bytes; who reads has it
	place   [2][]byte     // what dst lies in, where it has few parts
	got     int64         // bytes that are verified; who reads has it
	arrived func(n int64) // may be nil
	began   bool          // dst was written to
	outside chan struct{} // made by who waits for the one who reads to leave dst
}

// frameSize is about how long its frame is.
func (q *request) frameSize() int {
	const rest = 256 // head, times, names
	if q.read != nil {
		return rest + len(q.read.Hint)
	}
	return rest + q.call
}

// outcome is what a request ends with.
type outcome struct {
	answer  []byte   // of a call
	holders []string // of a read
	err     error
}

func (q *request) kind() kind {
	if q.read != nil {
		return kindRead
	}
	return kindCall
}

// finish ends the wait for q; the caller has the client's mu. What comes for q later is thrown away.
func (q *request) finish(o outcome) {
	if !q.over {
		q.over, q.outcome = true, o
		close(q.done)
	}
}

// space is the next part of dst, at most n bytes, n > 0.
func (q *request) space(n int) []byte {
	for len(q.dst[0]) == 0 {
		q.dst = q.dst[1:]
	}
	return q.dst[0][:min(n, len(q.dst[0]))]
}

func (q *request) advance(n int) { q.dst[0] = q.dst[0][n:] }
