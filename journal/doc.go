// Package journal is a replicated log of changes in front of a state machine: what is acknowledged is on disk at a
// majority of voters, is applied in one order everywhere, and happens once however often it is retried.
//
// # Model
//
// The log is hashicorp/raft's. A node that is alone is a group with one voter: the same code. Propose sends a command; those that
// wait together share one raft entry, one write and one sync. The primary stamps each entry with a time, which never
// goes back; a state machine has no other clock. A command carries the feature level that it needs, and a node that
// does not know it stops rather than skip it.
//
// A change is numbered: Entry.Index, Journal.Index, Subscribe and Propose all speak of that number. Many changes share one raft
// index, which shows in file names and metrics alone.
//
// A checkpoint is the state at one change. The log is kept from the oldest checkpoint that is kept, so that a newer one
// which does not check costs time and nothing else.
//
// # Mesh
//
// With Config.Peers the journal runs across the nodes of a mesh. One, three or five of them vote, chosen by the primary
// (internal/voters); the others follow. A change may be proposed anywhere: it travels to the primary, in batches, with its operation
// id, and is tried again through a change of primary. Two nodes have one voter: while that is away changes wait.
//
// A history has a name, made by the node that begins it. A node remembers the name and never begins another history; streams and calls
// between different ones are refused with a [*ClusterError]. A new node waits for a history to show up; when none does, the
// new node with the lowest id begins one (Config.Expect, Config.BootstrapWait). A node that is far behind gets a checkpoint from any
// other before it starts.
//
// Close hands the vote over, and the leadership. After a majority of the voters was lost for good a person says so with
// [Journal.Recover].
//
// # Backup
//
// [Journal.Backup] streams the state to wherever its caller keeps it, and Config.Restore begins a new history with such a stream: changes
// are numbered on, and retries of what it has are answered as before. Config.Last is called by the Close that nobody takes over from. Where
// nodes end at the same time it is the primary's, when all others have given their votes back, or 5 s later; a Last that finds no
// primary has to say so.
//
// # Guarantees
//
//   - Propose returned nil: the change survives kill -9 and power loss (unless Config.NoSync), and is applied here.
//   - An operation with a session is applied once; a retry gets the first answer until the session acknowledges it (OpID.Acked).
//     Answers go an hour (by entries' times) after a session's last operation; retries are taken half as long.
//   - A torn tail ends the log. Damage before it, and in any other file, is an error that names file and offset. The last batch of
//     a log that was not closed is the one place where the two look alike.
//   - Open of a lone node does not wait for an election timer. Open of a new node among others returns when it has what was acknowledged
//     when it came; of one that has been there before also when nobody has led, or brought it any nearer, for Config.BootstrapWait: then it
//     shows its last checkpoint, and what is behind it when somebody leads.
//   - Propose returned nil: a read of this node's replica sees the change. Barrier makes it see every node's.
//   - A primary that is killed is replaced in 0.7 s at the median and 1 s at p95, and what the network takes, while a majority of the voters lives. A pause of
//     200 ms costs nobody the leadership.
//   - A node that has been cut off cannot change anything, and makes no primary step down when it is back.
//   - A disk that is full fails the changes that did not fit and nothing else; among others that could lead, not even those: the node ceases
//     to lead, falls behind, says so by Events.Unwritable, and catches up when there is room. A sync that fails stops the node, since what the disk then
//     holds is not known until it is opened again.
//
// # Concurrency
//
// Every method may be called from any goroutine. Apply, Snapshot and Restore are called one at a time; Snapshot.WriteTo runs beside
// Apply. Level is called from any goroutine.
//
// # Errors
//
// [ErrNoPrimary] and [ErrUnknownOutcome] are for retrying; [*LevelError] says that an older node is in the mesh; [ErrTooManyOpen] and [ErrExpired] are about a session; [*CompactedError],
// [*DamageError], [*CheckpointDamageError] and [*UnknownCommandError] carry what a caller needs; after a [*StoppedError] only opening again
// helps.
//
// # Files
//
//	Dir/LOCK                    held by one process; its pid
//	Dir/state.db                bbolt: raft's term and vote, node id, KV   (Dir/state on a vfs.FS that is not the system's)
//	Dir/log/N.seg               segments of the log, N the first raft index; drawn in internal/seglog
//	Dir/checkpoints/N.ckpt      checkpoints, N the raft index; drawn in internal/snap
//
// What nodes ask each other is drawn in internal/wire, what a stream begins with in internal/transport, and a checkpoint on its way in
// internal/transfer.
//
// An entry's bytes are a batch of commands, drawn in internal/batch. A checkpoint's stream begins with the journal's own part, little-endian,
// and goes on with what the state machine wrote:
//
//	+---------+-------+------+-------+-----------+------------+------------------+------------
//	| v=1 u32 | index | time | swept | skipped   | sessions   | skipped index u64| sessions...
//	|         | u64   | i64  | i64   | count u32 | count u32  | ...              |
//	+---------+-------+------+-------+-----------+------------+------------------+------------
//	session: id 16, acked u64, last time i64, open count u32, then for each: seq u64, index u64, len u32, answer
//
// bbolt maps an *os.File, so it cannot run over the disks that tests crash; there the small state is a table published whole
// (internal/stable). Everything else is the same code on every disk.
package journal
