package gossip_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/gossip"
)

// TestLogLevels: what this node brings about by closing is no warning.
func TestLogLevels(t *testing.T) {
	for line, want := range map[string]string{
		"[ERR] memberlist: Push/Pull with b failed: dial tcp: i/o timeout":      "WARN",
		"[ERR] memberlist: Push/Pull with b failed: dial tcp: context canceled": "DEBUG",
		"[ERR] memberlist: use of closed network connection":                    "DEBUG",
		"[WARN] memberlist: Refuting a suspect message":                         "INFO",
		"[INFO] serf: EventMemberJoin: b":                                       "DEBUG",
		"nothing":                                                               "DEBUG",
	} {
		var said bytes.Buffer
		to := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
		gossip.NewLogger(to).Print(line)
		require.Contains(t, said.String(), "level="+want, line)
	}
}
