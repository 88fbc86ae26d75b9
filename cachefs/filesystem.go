package cachefs

import (
	"context"
	"io/fs"
	"iter"
)

// FileSystem is what applications import. *Node and *Client implement it; it may grow, so a fake embeds it.
//
// Paths are absolute and clean: "/logs/2026/11/22.log". A nil options pointer means the zero options. Errors are
// *fs.PathError around a sentinel of this package (Rename: *os.LinkError; a recursive Remove: joined PathErrors; Mounts,
// Cluster: plain). All methods may be called by any number of goroutines, and nothing waits past its context. The
// context of Open ends a file's reads, that of Create a writer's writes and Close.
type FileSystem interface {
	// Open opens a complete file for reading: ErrNotExist, ErrIsDir, ErrIncomplete (or it waits, with Wait).
	Open(ctx context.Context, path string, o *OpenOptions) (*File, error)
	// Create makes a file that is written once and becomes visible to readers at Close.
	Create(ctx context.Context, path string, o *CreateOptions) (*Writer, error)
	// Stat describes a file or directory; incomplete files show.
	Stat(ctx context.Context, path string, o *StatOptions) (*Info, error)
	// List walks a directory in the order of name bytes, recursive in the order of fs.WalkDir. An error ends it and is
	// yielded once, with nil.
	List(ctx context.Context, path string, o *ListOptions) iter.Seq2[*Info, error]
	// Mkdir makes a directory.
	Mkdir(ctx context.Context, path string, o *MkdirOptions) error
	// Rename moves a file or directory within its mount, at once for every reader.
	Rename(ctx context.Context, from, to string, o *RenameOptions) error
	// Remove removes a file, an empty directory or, if Recursive, a tree, here and in the under store.
	Remove(ctx context.Context, path string, o *RemoveOptions) error
	// SetAttr changes what is not the content.
	SetAttr(ctx context.Context, path string, o *AttrOptions) error
	// Mount makes path stand for the place in an under store that url names.
	Mount(ctx context.Context, path, url string, o *MountOptions) error
	// Unmount forgets what is below a mount point and its cached blocks; the store is left alone.
	Unmount(ctx context.Context, path string, o *UnmountOptions) error
	// Mounts lists the mounts, the deepest first.
	Mounts(ctx context.Context) ([]MountInfo, error)
	// Load brings what is below path from the under store into the cache.
	Load(ctx context.Context, path string, o *LoadOptions) (*Job, error)
	// Free drops cached blocks and returns when they are gone.
	Free(ctx context.Context, path string, o *FreeOptions) error
	// Persist copies written files below path to their under store.
	Persist(ctx context.Context, path string, o *PersistOptions) (*Job, error)
	// Locate says where the blocks of a file are cached.
	Locate(ctx context.Context, path string, o *LocateOptions) ([]BlockLocation, error)
	// Cluster describes the nodes, their tiers and the journal.
	Cluster(ctx context.Context) (*ClusterInfo, error)
	// Shutdown stops gracefully: what only this node has is saved first, within ctx.
	Shutdown(ctx context.Context) error
	// Close is Shutdown within Config.CloseTimeout.
	Close() error
}

var _ FileSystem = (*Node)(nil)

// ReadType says what a read does to the cache.
type ReadType uint8

const (
	CachePromote ReadType = iota // keep a copy; a block found in a lower tier moves up. The default
	Cache                        // keep a copy; a block stays in the tier where it was found
	NoCache                      // read through, keep nothing; a sequential reader is brought up to 1 MiB at a time
)

// WriteType says where written bytes go before Close returns.
type WriteType uint8

const (
	DefaultWrite WriteType = iota // CacheThrough where there is an under store, else MustCache
	MustCache                     // to the cache only; held there until persisted or removed
	CacheThrough                  // to the under store, and to the cache as far as there is room
	Through                       // to the under store only
	AsyncThrough                  // to the cache, held; to the under store later, however long that takes
)

// OpenOptions are the options of Open.
type OpenOptions struct {
	ReadType ReadType // default CachePromote
	Wait     bool     // wait for the Close of an incomplete file rather than return ErrIncomplete
	Sync     bool     // look at the under store first, whatever the mount's policy
}

// CreateOptions are the options of Create.
type CreateOptions struct {
	WriteType WriteType // default: CacheThrough below a mount, else MustCache
	Overwrite bool      // replace an existing file, atomically at Close
	Append    bool      // begin with the bytes of the existing file, if there is one; replaces it at Close
	// Parents makes missing parent directories, of mode 0755 and with the file's owner and group. An under store that has directories
	// makes its own, with its defaults: only Mkdir gives them an owner there. Default false
	Parents   bool
	BlockSize int64 // bytes, a multiple of 64 KiB up to 1 GiB. Default Config.BlockSize

	Mode  fs.FileMode // permission bits. Default 0644
	Owner string      // default: the context's User
	Group string      // default: the User's first group

	Pin bool // keep the blocks out of the evictor; also inherited from the parent
	TTL TTL  // zero: inherited action, no end
	// ReplicasMin is how many copies a mesh keeps at least while no store has the file: when a node goes, others take them. Afterwards
	// it is how many a Load makes, which are cache like any other: those that go with a node, or are evicted, the next Load makes
	// anew. Default 2 while no store has it, then 1
	ReplicasMin int
	ReplicasMax int   // passive copies stop at; 0 no limit
	Size        int64 // expected bytes, a hint for the under store; 0 unknown
}

// StatOptions are the options of Stat.
type StatOptions struct {
	Sync       bool // look at the under store first, whatever the mount's policy
	Consistent bool // see every change that any node has made before the call: it costs a question to the primary
}

// ListOptions are the options of List.
type ListOptions struct {
	Recursive  bool   // whole tree, in the order of fs.WalkDir
	Prefix     string // only entries whose path relative to the directory begins with this
	StartAfter string // only entries after this relative path in the walk's order
	Limit      int    // at most this many entries; 0 no limit
	Consistent bool   // see every change that any node has made before the call
	Sync       bool   // look at the under store first, whatever the mount's policy
}

// MkdirOptions are the options of Mkdir.
type MkdirOptions struct {
	Parents bool        // make missing parents; an existing directory is no error
	Mode    fs.FileMode // permission bits and fs.ModeSticky. Default 0755
}

// RenameOptions are the options of Rename.
type RenameOptions struct {
	Overwrite bool // replace a file that stands under the new name, atomically
}

// RemoveOptions are the options of Remove.
type RemoveOptions struct {
	Recursive bool // directories with what is below them, bottom-up
	CacheOnly bool // forget it here and leave the under store alone
	Unchecked bool // also entries of the under store that the namespace has not seen
	Mounts    bool // unmount mounts below rather than refuse
}

// FreeOptions are the options of Free.
type FreeOptions struct {
	Recursive bool // directories; without it a directory with entries is ErrNotEmpty
	Force     bool // pinned files too: they are unpinned
}

// LocateOptions are the options of Locate.
type LocateOptions struct {
	Offset int64 // first byte asked about
	Length int64 // bytes; 0 to the end of the file
}
