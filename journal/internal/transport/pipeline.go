package transport

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// AppendEntriesPipeline implements raft.Transport.
//
// A pipeline of the library hands over its answers one by one, and takes no request while one waits. Raft ceases to take
// answers at the first refusal, and closes the pipeline when it is not sending: if it is just then, both wait for ever and the
// follower gets nothing more from this primary. A follower refuses when its disk is full, for example.
func (t *Transport) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	inner, err := t.NetworkTransport.AppendEntriesPipeline(id, target)
	if err != nil {
		return nil, err
	}
	p := &pipeline{AppendPipeline: inner, of: t, answers: make(chan raft.AppendFuture), closed: make(chan struct{})}
	go p.run()
	return p, nil
}

// pipeline keeps the answers that nobody has taken yet: not many, since raft soon stops sending when it does not take any.
type pipeline struct {
	raft.AppendPipeline
	of      *Transport
	answers chan raft.AppendFuture
	closed  chan struct{}
	once    sync.Once
	// The following are of the one goroutine of raft's that calls AppendEntries.
	told  told
	asked time.Time // when it called last
}

// told is the last that was sent.
type told struct {
	raft.AppendFuture
	failed int64 // what Transport.failed was then
}

// retell is how often what says nothing new is sent all the same: a connection that was forgotten on the way without a word is noticed.
const retell = time.Second

// pace is less than what raft waits for before it repeats itself, 50 to 100 ms. Who is asked to lead is told again and again until it has
// answered, without a pause: what is not sent then takes no time, and raft would ask for nothing else.
const pace = 25 * time.Millisecond

// AppendEntries implements raft.AppendPipeline. Raft repeats itself to each follower 13 times a second, for those who have not heard what is
// committed, beside 19 heartbeats, which tell who is alive and who leads. What the follower was told on this pipeline is not sent
// again; the future is of what told it. After a call that failed it is: the follower may have started anew.
func (p *pipeline) AppendEntries(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	failed, now := p.of.failed.Load(), time.Now()
	paced := now.Sub(p.asked) >= pace
	p.asked = now
	if paced && p.told.AppendFuture != nil && p.told.failed == failed && now.Sub(p.told.Start()) < retell && saysAll(p.told.Request(), args) {
		return p.told.AppendFuture, nil
	}
	f, err := p.AppendPipeline.AppendEntries(args, resp)
	if err == nil {
		p.told = told{f, failed}
	}
	return f, err
}

// saysAll reports whether a follower that took one message has nothing to learn from the other.
func saysAll(one, other *raft.AppendEntriesRequest) bool {
	last, term := one.PrevLogEntry, one.PrevLogTerm
	if n := len(one.Entries); n > 0 {
		last, term = one.Entries[n-1].Index, one.Entries[n-1].Term
	}
	return len(other.Entries) == 0 && other.PrevLogEntry == last && other.PrevLogTerm == term &&
		other.Term == one.Term && other.LeaderCommitIndex == one.LeaderCommitIndex
}

func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.answers }

func (p *pipeline) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.AppendPipeline.Close()
}

// run passes answers on in their order until Close.
func (p *pipeline) run() {
	var waiting []raft.AppendFuture
	for {
		var out chan raft.AppendFuture // nil: nothing waits
		var next raft.AppendFuture
		if len(waiting) > 0 {
			out, next = p.answers, waiting[0]
		}
		select {
		case a := <-p.AppendPipeline.Consumer():
			waiting = append(waiting, a)
		case out <- next:
			waiting = waiting[1:]
		case <-p.closed:
			return
		}
	}
}
