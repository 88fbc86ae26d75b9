package namespace

import (
	"io/fs"

	"github.com/millpond/millpond/internal/inodes"
)

type User struct {
	Name      string
	Groups    []string
	Superuser bool
}

// What an inode is made of.
type (
	Inode        = inodes.Inode
	Entry        = inodes.Entry
	PersistState = inodes.PersistState
	TTLAction    = inodes.TTLAction
	ACL          = inodes.ACL
	ACLEntry     = inodes.ACLEntry
	Version      = inodes.Version
)

// The states of a file and the actions at the end of a time to live.
const (
	NotPersisted = inodes.NotPersisted
	ToPersist    = inodes.ToPersist
	Persisted    = inodes.Persisted
	Lost         = inodes.Lost

	TTLFree   = inodes.TTLFree
	TTLDelete = inodes.TTLDelete
)

// EntryOf is the entry for an inode that is not in the tree yet.
func EntryOf(in *Inode, path string) *Entry { return inodes.EntryOf(in, path) }

// VersionOf is the version that a store calls s.
func VersionOf(s string) Version { return inodes.VersionOf(s) }

type IntentKind uint8

const (
	IntentRemove IntentKind = iota + 1
	IntentRename
	IntentPublish
	IntentSetAttr
	IntentMkdir
)

type Intent struct {
	ID                              uint64
	Kind                            IntentKind
	Path, To                        string
	Ino                             uint64
	Key, Prior                      string
	Recursive, Overwrite, Unchecked bool
	Mode                            fs.FileMode
	Owner, Group                    string
	Payload                         []byte
	Lease                           [16]byte // of the run that it belongs to; zero: begun before intents had any

	marks []uint64 // the inodes that it holds
}

type EffectKind uint8

const (
	Dropped EffectKind = iota + 1
	Freed
	Pinned
	Unpinned
	IntentEnded
	ToPersistEffect
	Stored  // its store has the file by now: its blocks need be held no more
	Missed  // its blocks are said to be lost: who has them says so
	Rehomed // it has new homes, which hold its blocks
)

type Effect struct {
	Kind            EffectKind
	Ino             uint64
	FileID          [16]byte
	Complete        bool // else Size says nothing of the file's blocks
	Size, BlockSize int64
	ID              uint64
}

type Answer struct {
	Err      error
	Ino      uint64
	IntentID uint64
	FileID   [16]byte
	Next     string // SetAttrBelow: where to go on; "" when it is done
	More     bool   // commands have left something to Continue
}
