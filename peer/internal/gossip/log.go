package gossip

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"net"
)

// newLogger hands serf's messages to slog. Each begins with its level; what serf calls an error, a packet that is lost
// for example, is one that it gets over. That this node's own socket is closed, or a dial broken off, is no news: it has done so.
func newLogger(to *slog.Logger) *log.Logger {
	return log.New(logWriter{to.With("part", "gossip")}, "", 0)
}

type logWriter struct{ to *slog.Logger }

var levels = map[string]slog.Level{"[ERR] ": slog.LevelWarn, "[WARN] ": slog.LevelInfo}

func (w logWriter) Write(line []byte) (int, error) {
	level, text := slog.LevelDebug, bytes.TrimSpace(line)
	if i := bytes.IndexByte(text, ' '); i > 0 && text[0] == '[' {
		if l, ok := levels[string(text[:i+1])]; ok {
			level = l
		}
		for _, own := range []error{net.ErrClosed, context.Canceled} {
			if bytes.HasSuffix(text, []byte(own.Error())) {
				level = slog.LevelDebug
			}
		}
		text = text[i+1:]
	}
	w.to.Log(context.Background(), level, string(text))
	return len(line), nil
}
