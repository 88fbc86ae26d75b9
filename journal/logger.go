package journal

import (
	"context"
	"io"
	"log"
	"log/slog"
	"slices"

	"github.com/hashicorp/go-hclog"
)

// raftLogger hands raft's messages to slog. What raft calls Info or a warning is for people who debug raft, and so is what it calls an
// error of a peer that comes, is away or goes, ourselves among them: members, Events and the calls' own errors tell of those.
type raftLogger struct {
	hclog.Logger // a null logger: names, levels, writers
	to           *slog.Logger
}

func newRaftLogger(to *slog.Logger) hclog.Logger {
	return &raftLogger{Logger: hclog.NewNullLogger(), to: to.With("part", "raft")}
}

func (l *raftLogger) Log(level hclog.Level, msg string, args ...any) {
	to := slog.LevelDebug
	if level == hclog.Error && !slices.Contains(ofPeers, msg) {
		to = slog.LevelError
	}
	l.to.Log(context.Background(), to, msg, args...)
}

// ofPeers are raft's errors that a connection, or the other end of one, has made.
var ofPeers = []string{
	"failed to accept connection", "failed to decode incoming command", "failed to flush response",
	"failed to appendEntries to", "failed to heartbeat to", "failed to pipeline appendEntries", "failed to start pipeline replication to",
	"failed to make requestVote RPC", "target does not support pre-vote RPC, treating as granted", "peer sees incorrect leader",
	"peer has newer term, stopping replication", "failed to send snapshot to", "failed to receive whole snapshot",
}

func (l *raftLogger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *raftLogger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *raftLogger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *raftLogger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *raftLogger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *raftLogger) With(args ...any) hclog.Logger {
	return &raftLogger{Logger: l.Logger, to: l.to.With(args...)}
}

func (l *raftLogger) Named(name string) hclog.Logger { return l.With("name", name) }

func (l *raftLogger) ResetNamed(name string) hclog.Logger { return l.Named(name) }

func (l *raftLogger) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return log.New(io.Discard, "", 0)
}
