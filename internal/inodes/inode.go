package inodes

import "io/fs"

// PersistState says how a file stands to its under store.
type PersistState uint8

// The states of a file.
const (
	NotPersisted PersistState = iota
	ToPersist
	Persisted
	Lost
)

// TTLAction is what happens at the end of a time to live.
type TTLAction uint8

// The actions.
const (
	TTLFree TTLAction = iota
	TTLDelete
)

// ACL is an access control list beside the permission bits. It does not change once it was given to a table.
type ACL struct{ Entries []ACLEntry }

// ACLEntry gives one user or group, or the mask, some permission bits: 4 read, 2 write, 1 search.
type ACLEntry struct {
	Tag  uint8 // 'u' named user, 'g' named group, 'm' mask
	Name string
	Perm uint8
}

// Inode is one file or directory, as a value. What its slices, lists and maps hold must not be changed: a new one is put
// in their place.
type Inode struct {
	Ino, Parent uint64
	Name        string
	FileID      [16]byte // of a file's version; directories have none
	Size        int64
	ModTime     int64 // nanoseconds, as all times
	ChangeTime  int64
	SyncedAt    int64 // last agreed with the under store
	Version     Version
	Intent      uint64 // that holds it; 0: none

	BlockSize                int64
	Mode                     fs.FileMode // permission bits and the sticky bit
	Owner, Group             string
	ReplicasMin, ReplicasMax int
	Homes                    []string
	TTLAction                TTLAction

	Dir, MountPoint bool
	Shadow          bool // a new version on its way: takes its name when it is complete
	Complete        bool
	Pinned          bool
	ChildrenLoaded  bool // of a directory: all names of the store were seen
	Persist         PersistState
	Owed            bool // of a Lost file: to be persisted, once its blocks are found

	TTL, TTLFrom    int64    // duration, and from when; 0: lives for ever
	Lease           [16]byte // of the writer of an incomplete file
	ACL, DefaultACL *ACL
	Xattr           map[string][]byte
}

// flags of a record.
const (
	used uint16 = 1 << iota
	isDir
	isMount
	isShadow
	isComplete
	isPinned
	isLoaded
	hasTTL
	hasLease
	hasIntent
	hasRare
	persistShift = iota
	persistMask  = 3 << persistShift
	isLoose      = 1 << (persistShift + 2) // root of a tree that is being forgotten
	isOwed       = isLoose << 1
	allFlags     = isOwed<<1 - 1
)

func flag(on bool, f uint16) uint16 {
	if on {
		return f
	}
	return 0
}

func (in *Inode) flags() uint16 {
	return used | flag(in.Dir, isDir) | flag(in.MountPoint, isMount) | flag(in.Shadow, isShadow) | flag(in.Complete, isComplete) |
		flag(in.Pinned, isPinned) | flag(in.ChildrenLoaded, isLoaded) | flag(in.TTL != 0, hasTTL) | flag(!in.Dir && !in.Complete, hasLease) |
		flag(in.Intent != 0, hasIntent) | flag(in.rare(), hasRare) | uint16(in.Persist)<<persistShift&persistMask | flag(in.Owed, isOwed)
}

func (in *Inode) setFlags(f uint16) {
	in.Dir, in.MountPoint, in.Shadow, in.Complete = f&isDir != 0, f&isMount != 0, f&isShadow != 0, f&isComplete != 0
	in.Pinned, in.ChildrenLoaded, in.Persist = f&isPinned != 0, f&isLoaded != 0, PersistState(f>>persistShift&3)
	in.Owed = f&isOwed != 0
}
