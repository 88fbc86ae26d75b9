package transport_test

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

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
