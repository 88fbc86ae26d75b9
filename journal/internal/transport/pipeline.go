package transport

import (
	"sync"

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
	p := &pipeline{AppendPipeline: inner, answers: make(chan raft.AppendFuture), closed: make(chan struct{})}
	go p.run()
	return p, nil
}

// pipeline keeps the answers that nobody has taken yet: not many, since raft soon stops sending when it does not take any.
type pipeline struct {
	raft.AppendPipeline
	answers chan raft.AppendFuture
	closed  chan struct{}
	once    sync.Once
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
