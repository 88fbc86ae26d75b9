package namespace

import "io/fs"

type User struct {
	Name      string
	Groups    []string
	Superuser bool
}

type PersistState uint8

const (
	NotPersisted PersistState = iota
	ToPersist
	Persisted
	Lost
)

type TTLAction uint8

const (
	TTLFree TTLAction = iota
	TTLDelete
)

// ACL is an access control list.
type ACL struct{ Entries []ACLEntry }

type ACLEntry struct {
	Tag  uint8 // 'u' named user, 'g' named group, 'm' mask
	Name string
	Perm uint8
}

type Inode struct {
	Ino, Parent              uint64
	Name                     string
	Dir, MountPoint          bool
	FileID                   [16]byte
	Size, BlockSize          int64
	Mode                     fs.FileMode
	Owner, Group             string
	ModTime, ChangeTime      int64
	SyncedAt                 int64
	ChildrenLoaded           bool
	Complete                 bool
	Lease                    [16]byte
	Persist                  PersistState
	Version                  string
	Pinned                   bool
	TTL                      int64
	TTLAction                TTLAction
	TTLFrom                  int64
	ReplicasMin, ReplicasMax int
	Homes                    []string
	ACL, DefaultACL          *ACL
	Xattr                    map[string][]byte
	Intent                   uint64
}

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
}

type EffectKind uint8

const (
	Dropped EffectKind = iota + 1
	Freed
	Pinned
	Unpinned
	IntentEnded
	ToPersistEffect
)

type Effect struct {
	Kind            EffectKind
	Ino             uint64
	FileID          [16]byte
	Size, BlockSize int64
	ID              uint64
}

type Answer struct {
	Err      error
	Ino      uint64
	IntentID uint64
	FileID   [16]byte
	Lost     []string
}
