package namespace

import "io/fs"

type Mount struct {
	Path     string
	User     *User
	Spec     []byte
	ReadOnly bool
	Place    string
	Ino      uint64 // in answers of Mounts
}

func (x *Mount) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Mount) op() byte               { return 9 }
func (x *Mount) code(c *codec) {
	c.str(&x.Path)
	c.user(&x.User)
	c.bytes(&x.Spec)
	c.bool(&x.ReadOnly)
	c.str(&x.Place)
}

// Remount changes what is said of a mount, its place aside.
type Remount struct {
	Path     string
	User     *User
	Spec     []byte
	ReadOnly bool
}

func (x *Remount) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Remount) op() byte               { return 21 }
func (x *Remount) code(c *codec) {
	c.str(&x.Path)
	c.user(&x.User)
	c.bytes(&x.Spec)
	c.bool(&x.ReadOnly)
}

type Unmount struct {
	Path  string
	User  *User
	Force bool
}

func (x *Unmount) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Unmount) op() byte               { return 10 }
func (x *Unmount) code(c *codec)          { c.str(&x.Path); c.user(&x.User); c.bool(&x.Force) }

type Found struct {
	Path          string
	Dir           bool
	Size, ModTime int64
	Mode          fs.FileMode
	Owner, Group  string
	Version       string
	FileID        [16]byte
	BlockSize     int64
	IfIno         uint64
	IfVersion     string
	Since         uint64 // index that the finder had applied when it began to look
}

func (f *Found) code(c *codec) {
	c.str(&f.Path)
	c.bool(&f.Dir)
	c.int(&f.Size)
	c.int(&f.ModTime)
	c.mode(&f.Mode)
	c.str(&f.Owner)
	c.str(&f.Group)
	c.str(&f.Version)
	c.id(&f.FileID)
	c.int(&f.BlockSize)
	c.uint(&f.IfIno)
	c.str(&f.IfVersion)
	c.uint(&f.Since)
}

type Discover struct {
	Mount    string
	Entries  []Found
	SyncedAt int64
	Listed   []string
	Since    uint64 // index that was applied when the listing began
}

func (x *Discover) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Discover) op() byte               { return 11 }
func (x *Discover) code(c *codec) {
	c.str(&x.Mount)
	n := uint64(len(x.Entries))
	c.uint(&n)
	if c.dec {
		if n > uint64(len(c.b)) {
			c.fail()
			return
		}
		x.Entries = make([]Found, n)
	}
	for i := range x.Entries {
		x.Entries[i].code(c)
	}
	c.int(&x.SyncedAt)
	c.strs(&x.Listed)
	c.uint(&x.Since)
}

type Forget struct {
	Path     string
	IfFileID [16]byte
	Since    uint64 // index that was applied when the look began
}

func (x *Forget) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Forget) op() byte               { return 12 }
func (x *Forget) code(c *codec)          { c.str(&x.Path); c.id(&x.IfFileID); c.uint(&x.Since) }

type Begin struct {
	Kind                            IntentKind
	Path, To                        string
	User                            *User
	Ino                             uint64
	Recursive, Overwrite, Unchecked bool
	Mode                            fs.FileMode
	Owner, Group                    string
	Key, Prior                      string
	Payload                         []byte
}

func (x *Begin) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Begin) op() byte               { return 13 }
func (x *Begin) code(c *codec) {
	c.byte((*uint8)(&x.Kind))
	c.str(&x.Path)
	c.str(&x.To)
	c.user(&x.User)
	c.uint(&x.Ino)
	c.bool(&x.Recursive)
	c.bool(&x.Overwrite)
	c.bool(&x.Unchecked)
	c.mode(&x.Mode)
	c.str(&x.Owner)
	c.str(&x.Group)
	c.str(&x.Key)
	c.str(&x.Prior)
	c.bytes(&x.Payload)
}

type Step struct {
	IntentID uint64
	Paths    []string
}

func (x *Step) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Step) op() byte               { return 14 }
func (x *Step) code(c *codec)          { c.uint(&x.IntentID); c.strs(&x.Paths) }

type End struct {
	IntentID uint64
	Commit   bool
	Version  string
	ModTime  int64
}

func (x *End) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *End) op() byte               { return 15 }
func (x *End) code(c *codec) {
	c.uint(&x.IntentID)
	c.bool(&x.Commit)
	c.str(&x.Version)
	c.int(&x.ModTime)
}

type MarkPersist struct{ Ino uint64 }

func (x *MarkPersist) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *MarkPersist) op() byte               { return 16 }
func (x *MarkPersist) code(c *codec)          { c.uint(&x.Ino) }

// PersistedFile says what the End of an upload's intent says, which is what nodes propose. It stays, for it is of level 1, whose commands every
// later build has to know: one that is not known stops the node.
type PersistedFile struct {
	Ino     uint64
	FileID  [16]byte
	Version string
}

func (x *PersistedFile) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *PersistedFile) op() byte               { return 17 }
func (x *PersistedFile) code(c *codec)          { c.uint(&x.Ino); c.id(&x.FileID); c.str(&x.Version) }

type MarkLost struct {
	Ino    uint64
	FileID [16]byte
	Found  bool
}

func (x *MarkLost) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *MarkLost) op() byte               { return 18 }
func (x *MarkLost) code(c *codec)          { c.uint(&x.Ino); c.id(&x.FileID); c.bool(&x.Found) }
