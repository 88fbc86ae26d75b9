package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/millpond/millpond/internal/vfs"
)

const (
	// MaxCommand is the most bytes of one command: a raft entry is written, sent and applied whole.
	MaxCommand = 16 << 20
	// MaxOpen is how many unacknowledged operations a session may have.
	MaxOpen = 4096
	// SessionIdle is how long, by the times in entries, a session's answers are kept after its last operation.
	SessionIdle = time.Hour
	// RetryWindow is how long after it was first proposed an operation may be retried. Half of SessionIdle: a
	// retry cannot arrive after its session's answers have gone, even where two clocks differ by the other half.
	RetryWindow = SessionIdle / 2
)

// Config configures a Journal. The zero value is a journal in memory.
type Config struct {
	// Dir holds the journal, one process at a time. Default "": in memory.
	Dir string
	// FS is the disk that Dir is on. Default vfs.OS.
	FS vfs.FS
	// NoSync leaves durability to the operating system: a crash of the machine may lose acknowledged changes. Default false.
	NoSync bool
	// NodeID is this node's name in the mesh; the one kept in Dir must be equal. Default: the kept one, else random.
	NodeID string
	// CheckpointEvery is after how many changes a checkpoint is made. Default 250,000: replayed in less than a second.
	CheckpointEvery uint64
	// CheckpointBytes is after how many bytes of log a checkpoint is made. Default 64 MiB.
	CheckpointBytes int64
	// CheckpointsKept is how many checkpoints are kept, and the log from the oldest of them. Default 2.
	CheckpointsKept int
	// SegmentSize is after how many bytes a new log file begins. Default 16 MiB.
	SegmentSize int64
	// Level is the highest feature level that this node knows. Default: whatever the state machine knows.
	Level uint32
	// Peers are the other nodes. Default: none, this node is alone.
	Peers Peers
	// JoinSource says that there may be a journal to join: one is begun only when none has shown up. Default false: begun at once.
	JoinSource bool
	// Expect is how many new nodes, this one too, are waited for before the one with the lowest id begins the journal. Default 0:
	// BootstrapWait decides alone.
	Expect int
	// BootstrapWait is how long they are waited for at most. Default 3 s.
	BootstrapWait time.Duration
	// Restore is called by Open of a node that begins a new history, before that has an entry. It hands streams of [Journal.Backup] to
	// restore until one is taken, which is nil; restore may be called again, and the last call counts: if that failed so does Open, also
	// where another stream was taken before, or Restore returns nil. Only if there is no backup, and it never calls restore, nil has the
	// journal begin empty. An error fails Open; nothing of what was restored is kept then, and the next Open that begins a history
	// calls it again. In a journal with a Dir history is the same name then, which History answers. Default: the journal begins empty.
	Restore func(ctx context.Context, history string, restore func(io.Reader) error) error
	// Last is called by Close of a node that nobody has taken the journal over from and that knows nobody else who leads, while it can
	// still be read: it is the last one, or cut off, or those with whom it ends have no primary any more, and so several nodes may call theirs.
	// At most one of them leads: what has to be done once, with all that was acknowledged, begins with Backup or with PrimaryContext and
	// Barrier, and is ErrNoPrimary elsewhere. ctx is that of Close, which returns its error too. An Open that fails does not call it. Default: nothing is done.
	Last func(ctx context.Context) error
	// Logger gets what an operator may want to know. Default: nothing is logged.
	Logger *slog.Logger
	// Now is the clock that stamps entries. Default time.Now.
	Now func() time.Time
	// Events are told what happens. Default: none.
	Events Events
}

// Events are called by the journal's own goroutines and must not wait. Nil fields are skipped.
type Events struct {
	// Primary reports that this node began or ceased to be the primary.
	Primary func(is bool)
	// Checkpoint reports a checkpoint made, or why not.
	Checkpoint func(CheckpointInfo)
	// Conflict reports a node in the mesh that holds another history. Nothing is merged: a person decides which one goes.
	Conflict func(*ClusterError)
	// Unwritable reports that the log does not take entries, since its disk is full for example, and why; with nil, that it
	// does again. Meanwhile the node does not lead, and its replica falls behind.
	Unwritable func(err error)
	// Stopped reports that the node stopped for good, and why.
	Stopped func(err error)
}

// CheckpointInfo describes one checkpoint.
type CheckpointInfo struct {
	Index    uint64 // last change in it
	Bytes    int64
	Duration time.Duration
	Err      error
}

// Check reports everything that is wrong with c, as Open would, without opening anything.
func (c Config) Check() error {
	_, err := c.complete()
	return err
}

// complete returns c with its defaults, or everything that is wrong with it.
func (c Config) complete() (Config, error) {
	var errs []error
	if c.SegmentSize < 0 || c.SegmentSize > 1<<30 {
		errs = append(errs, fmt.Errorf("Config.SegmentSize is %d bytes: use 0 (16 MiB) or up to 1 GiB", c.SegmentSize))
	}
	if c.CheckpointsKept < 0 {
		errs = append(errs, fmt.Errorf("Config.CheckpointsKept is %d: use 0 (2) or more", c.CheckpointsKept))
	}
	if c.CheckpointBytes < 0 {
		errs = append(errs, fmt.Errorf("Config.CheckpointBytes is %d: use 0 (64 MiB) or more", c.CheckpointBytes))
	}
	if len(c.NodeID) > 255 {
		errs = append(errs, fmt.Errorf("Config.NodeID has %d bytes: use up to 255", len(c.NodeID)))
	}
	if c.Expect < 0 {
		errs = append(errs, fmt.Errorf("Config.Expect is %d nodes: use 0 (do not count) or more", c.Expect))
	}
	if c.BootstrapWait < 0 {
		errs = append(errs, fmt.Errorf("Config.BootstrapWait is %v: use 0 (3s) or more", c.BootstrapWait))
	}
	if c.Peers == nil && (c.JoinSource || c.Expect > 1) {
		errs = append(errs, errors.New("Config.JoinSource and Config.Expect need Config.Peers"))
	}
	if c.FS == nil {
		c.FS = vfs.OS
	}
	if c.CheckpointEvery == 0 {
		c.CheckpointEvery = 250_000
	}
	if c.CheckpointBytes == 0 {
		c.CheckpointBytes = 64 << 20
	}
	if c.BootstrapWait == 0 {
		c.BootstrapWait = 3 * time.Second
	}
	if c.CheckpointsKept == 0 {
		c.CheckpointsKept = 2
	}
	if c.Level == 0 {
		c.Level = math.MaxUint32
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, errors.Join(errs...)
}
