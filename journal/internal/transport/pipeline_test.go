package transport_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/journal/internal/transport"
)

// TestPipelineWithoutReader: who sends goes on though nobody takes the answers, which come in order when somebody does.
func TestPipelineWithoutReader(t *testing.T) {
	a, b, _ := pair(t)
	a.Join(transport.Cluster{1})
	b.Join(transport.Cluster{1})
	const calls = 10
	go func() {
		for range calls {
			rpc := <-b.Consumer()
			rpc.Respond(&raft.AppendEntriesResponse{Term: rpc.Command.(*raft.AppendEntriesRequest).Term}, nil)
		}
	}()
	p, err := a.AppendEntriesPipeline("b", "b")
	require.NoError(t, err)
	sent := make(chan error)
	go func() {
		for i := range uint64(calls) {
			if _, err := p.AppendEntries(&raft.AppendEntriesRequest{Term: i}, new(raft.AppendEntriesResponse)); err != nil {
				sent <- err
			}
		}
		close(sent)
	}()
	select {
	case err := <-sent:
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		require.NoError(t, p.Close())
		t.Fatal("a call waits for somebody to take the answers")
	}
	for i := range uint64(calls) {
		f := <-p.Consumer()
		require.NoError(t, f.Error())
		require.Equal(t, i, f.Response().Term)
	}
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
}

// TestPipelineDoesNotRepeatItself: what the follower was told is not sent again, unless it may have forgotten.
func TestPipelineDoesNotRepeatItself(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		a.Join(transport.Cluster{1})
		b.Join(transport.Cluster{1})
		const fails = 99
		heard, ended := make(chan *raft.AppendEntriesRequest, 1), make(chan struct{})
		defer close(ended)
		go func() {
			for {
				select {
				case rpc := <-b.Consumer():
					if req := rpc.Command.(*raft.AppendEntriesRequest); req.Term == fails {
						rpc.Respond(&raft.AppendEntriesResponse{}, errors.New("not now"))
					} else {
						heard <- req
						rpc.Respond(&raft.AppendEntriesResponse{Success: true}, nil)
					}
				case <-ended:
					return
				}
			}
		}()
		p, err := a.AppendEntriesPipeline("b", "b")
		require.NoError(t, err)
		defer p.Close()
		send := func(req raft.AppendEntriesRequest, sent int, why string) {
			t.Helper()
			time.Sleep(50 * time.Millisecond)
			f, err := p.AppendEntries(&req, new(raft.AppendEntriesResponse))
			require.NoError(t, err)
			require.NoError(t, f.Error())
			synctest.Wait()
			require.Len(t, heard, sent, why)
			for range sent {
				<-heard
				<-p.Consumer()
			}
		}
		entry := raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 6, PrevLogTerm: 2, LeaderCommitIndex: 6, Entries: []*raft.Log{{Index: 7, Term: 3}}}
		idle := raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 7, PrevLogTerm: 3, LeaderCommitIndex: 6}
		send(entry, 1, "an entry")
		send(idle, 0, "it said so with the entry")
		send(entry, 1, "an entry is never left out")
		idle.LeaderCommitIndex = 7
		send(idle, 1, "the entry is committed")
		send(idle, 0, "it said so")
		send(raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 7, PrevLogTerm: 3, LeaderCommitIndex: 7, Entries: []*raft.Log{{Index: 8, Term: 3}}}, 1, "the next entry")
		for _, other := range []func(*raft.AppendEntriesRequest){
			func(r *raft.AppendEntriesRequest) { r.Term = 4 },
			func(r *raft.AppendEntriesRequest) { r.PrevLogEntry = 8 },
			func(r *raft.AppendEntriesRequest) { r.PrevLogTerm = 4 },
		} {
			other(&idle)
			send(idle, 1, "another one")
			send(idle, 0, "it said so")
		}
		require.Error(t, a.AppendEntries("b", "b", &raft.AppendEntriesRequest{Term: fails}, new(raft.AppendEntriesResponse)))
		send(idle, 1, "a call has failed since")
		send(idle, 0, "it said so")
		time.Sleep(time.Second)
		send(idle, 1, "a second later")
		send(idle, 0, "it said so")
		for range 3 { // who waits for the answer of one that is to lead is not kept busy without it
			f, err := p.AppendEntries(&idle, new(raft.AppendEntriesResponse))
			require.NoError(t, err)
			require.NoError(t, f.Error())
			<-heard
			<-p.Consumer()
		}
	})
}
