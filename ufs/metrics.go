package ufs

import (
	"sync/atomic"
	"time"
)

// Metrics is what a Store has counted since New, at one moment: a value.
type Metrics struct {
	Calls        map[string]CallStats // by kind: stat, list, open, create, ...; those that were never made are missing
	Errors       ErrorCounts          // of attempts
	BytesRead    int64                // handed out from bodies
	BytesWritten int64                // taken by writers
	Retries      int64                // attempts after the first, resumptions among them
	Resumes      int64                // bodies that were opened again in their middle
	Hedges       int64                // ranges that were asked for a second time, counted among Calls as well
	HedgesWon    int64                // of those, answered first

	Breaker      BreakerState
	BreakerOpens int64
	Refused      int64 // calls that were not made, since the breaker was open

	InFlight      int   // calls that have a place: under way, or an open body
	BytesInFlight int64 // of open bodies, as Options.MaxBytes counts them
	Waiting       int   // calls that wait for a place
}

// CallStats counts the calls to the driver of one kind: each attempt is one.
type CallStats struct {
	Calls, Errors, Retries int64
	Latency                Histogram // until the driver answered: of a body to its beginning, of a write none
}

// ErrorCounts counts failed attempts by what they said.
type ErrorCounts struct {
	NotExist    int64
	Permission  int64
	Changed     int64 // a version that is gone
	Refused     int64 // any other answer: exists, is a directory, not supported, ...
	Canceled    int64 // the caller left
	Local       int64 // this machine lacks what the call needs, room in its temporary directory for example
	Throttled   int64 // the store asked to be asked later
	Timeout     int64 // no answer, or no byte of a body, in time
	Unavailable int64 // the network, or what a driver says is down
	Other       int64
}

// counters are Metrics as they are counted: no lock, and no map.
type counters struct {
	ops             [ops]opCounters
	kinds           [kinds]atomic.Int64
	read, written   atomic.Int64
	resumes         atomic.Int64
	hedges, hedgesW atomic.Int64
	refused         atomic.Int64
}

type opCounters struct {
	calls, errors, retries atomic.Int64
	latency                histogram
}

// attempted counts an attempt that took so long.
func (c *counters) attempted(op op, k kind, took time.Duration) {
	o := &c.ops[op]
	o.calls.Add(1)
	o.latency.observe(took)
	if k != kindNone {
		c.failed(op, k)
	}
}

// failed counts an error.
func (c *counters) failed(op op, k kind) {
	c.ops[op].errors.Add(1)
	c.kinds[k].Add(1)
}

// Metrics returns what s has counted.
func (s *Store) Metrics() Metrics {
	c := &s.counters
	n := func(k kind) int64 { return c.kinds[k].Load() }
	m := Metrics{
		Calls: map[string]CallStats{}, BytesRead: c.read.Load(), BytesWritten: c.written.Load(), Resumes: c.resumes.Load(),
		Hedges: c.hedges.Load(), HedgesWon: c.hedgesW.Load(), Refused: c.refused.Load(),
		Errors: ErrorCounts{
			NotExist: n(kindNotExist), Permission: n(kindPermission), Changed: n(kindChanged), Refused: n(kindRefused), Canceled: n(kindCanceled), Local: n(kindLocal),
			Throttled: n(kindThrottled), Timeout: n(kindTimeout), Unavailable: n(kindUnavailable), Other: n(kindOther),
		},
	}
	for i := range c.ops {
		o := &c.ops[i]
		st := CallStats{Calls: o.calls.Load(), Errors: o.errors.Load(), Retries: o.retries.Load(), Latency: o.latency.value()}
		if st.Calls > 0 || st.Errors > 0 {
			m.Calls[op(i).String()] = st
		}
		m.Retries += st.Retries
	}
	m.Breaker, m.BreakerOpens = s.guard.state()
	m.InFlight, m.BytesInFlight, m.Waiting = s.limits.use()
	return m
}
