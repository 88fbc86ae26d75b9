package cachefs_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer"
)

// TestWorkOfANodeThatIsNotReached: a node lists for another, which cannot connect to it any more to ask whether it is there. That
// is no answer: the other one lists itself.
func TestWorkOfANodeThatIsNotReached(t *testing.T) {
	overSeveral(t, 2, nil, func(s *several) {
		s.rig.FailCalls(func(_, _, method string) error {
			if method == "cachefs.there" {
				return peer.ErrUnreachable
			}
			return nil
		})
		var once sync.Map
		s.store.OnCall(func(op, path string) error {
			if op == "list" {
				if _, again := once.LoadOrStore(path, true); !again {
					time.Sleep(time.Minute)
				}
			}
			return nil
		})
		asked := 0
		for k := range 8 {
			dir := fmt.Sprintf("d%d", k)
			s.store.Put(dir+"/f", nil)
			s.rig.Calls()
			began := time.Now()
			for _, err := range s.nodes["b"].List(context.Background(), "/m/"+dir, nil) {
				require.NoError(s, err)
			}
			for _, call := range s.rig.Calls() {
				if call == "b>a cachefs.look" {
					asked++
					require.Less(s, time.Since(began), 30*time.Second)
				}
			}
		}
		require.Positive(s, asked)
	})
}
