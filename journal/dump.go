package journal

import (
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/batch"
	"github.com/millpond/millpond/journal/internal/seglog"
	"github.com/millpond/millpond/journal/internal/snap"
)

// Dump writes the journal in dir for people to read, a line for each checkpoint, raft entry and command. decode tells what a command is;
// nil prints its length. What is damaged is a line too.
func Dump(w io.Writer, dir string, decode func(cmd []byte) string) error {
	if decode == nil {
		decode = func(cmd []byte) string { return fmt.Sprintf("%d bytes", len(cmd)) }
	}
	p := &printer{w: w}
	var r Report
	err := inspect(dir, func(logs []seglog.File, snaps *snap.Store) error {
		if err := r.addCheckpoints(snaps); err != nil {
			return err
		}
		p.printf("node %s\n", r.Node)
		for _, c := range r.Checkpoints {
			p.printf("checkpoint raft=%d index=%d time=%s bytes=%d sessions=%d\n", c.RaftIndex, c.Index, stamp(c.Time), c.Bytes, c.Sessions)
		}
		for _, err := range r.Problems {
			p.printf("damage %v\n", err)
		}
		for _, f := range logs {
			p.file(f, decode)
		}
		return p.err
	}, &r)
	return err
}

// printer keeps the first error of its writer.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

func (p *printer) file(f seglog.File, decode func([]byte) string) {
	p.printf("segment %s\n", f.Name)
	for i := range f.Entries {
		p.entry(&f.Entries[i], decode)
	}
	if f.Torn > 0 {
		p.printf("torn %d bytes\n", f.Torn)
	}
	if f.Err != nil {
		p.printf("damage %v\n", f.Err)
	}
}

func (p *printer) entry(l *raft.Log, decode func([]byte) string) {
	if l.Type != raft.LogCommand {
		p.printf("  raft=%d term=%d %s\n", l.Index, l.Term, l.Type)
		return
	}
	cmds, now, err := batch.Decode(nil, l.Data)
	if err != nil {
		p.printf("  raft=%d term=%d damage %v\n", l.Index, l.Term, err)
		return
	}
	p.printf("  raft=%d term=%d time=%s commands=%d\n", l.Index, l.Term, stamp(now), len(cmds))
	for _, c := range cmds {
		p.printf("    session=%x seq=%d acked=%d level=%d %s\n", c.Session[:4], c.Seq, c.Acked, c.Level, decode(c.Cmd))
	}
}
