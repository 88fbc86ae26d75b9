package namespace

import "io/fs"

type CreateFile struct {
	Path                       string
	User                       *User
	Parents, Overwrite, Extend bool
	FileID                     [16]byte
	BlockSize                  int64
	Mode                       fs.FileMode
	Owner, Group               string
	Lease                      [16]byte
	Pin                        bool
	TTL                        int64
	TTLAction                  TTLAction
	ReplicasMin, ReplicasMax   int
}

func (x *CreateFile) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *CreateFile) op() byte               { return 1 }
func (x *CreateFile) code(c *codec) {
	c.str(&x.Path)
	c.user(&x.User)
	c.bool(&x.Parents)
	c.bool(&x.Overwrite)
	c.bool(&x.Extend)
	c.id(&x.FileID)
	c.int(&x.BlockSize)
	c.mode(&x.Mode)
	c.str(&x.Owner)
	c.str(&x.Group)
	c.id(&x.Lease)
	c.bool(&x.Pin)
	c.int(&x.TTL)
	c.byte((*uint8)(&x.TTLAction))
	c.num(&x.ReplicasMin)
	c.num(&x.ReplicasMax)
}

type CompleteFile struct {
	Ino     uint64
	Lease   [16]byte
	FileID  [16]byte
	Size    int64
	ModTime int64
	Homes   []string
	Persist PersistState
	Version string
}

func (x *CompleteFile) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *CompleteFile) op() byte               { return 2 }
func (x *CompleteFile) code(c *codec) {
	c.uint(&x.Ino)
	c.id(&x.Lease)
	c.id(&x.FileID)
	c.int(&x.Size)
	c.int(&x.ModTime)
	c.strs(&x.Homes)
	c.byte((*uint8)(&x.Persist))
	c.str(&x.Version)
}

type AbandonFile struct {
	Ino   uint64
	Lease [16]byte
}

func (x *AbandonFile) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *AbandonFile) op() byte               { return 3 }
func (x *AbandonFile) code(c *codec)          { c.uint(&x.Ino); c.id(&x.Lease) }

type ExpireLeases struct {
	Lease  [16]byte
	Except bool
}

func (x *ExpireLeases) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *ExpireLeases) op() byte               { return 4 }
func (x *ExpireLeases) code(c *codec)          { c.id(&x.Lease); c.bool(&x.Except) }

type Mkdir struct {
	Path         string
	User         *User
	Parents      bool
	Mode         fs.FileMode
	Owner, Group string
}

func (x *Mkdir) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Mkdir) op() byte               { return 5 }
func (x *Mkdir) code(c *codec) {
	c.str(&x.Path)
	c.user(&x.User)
	c.bool(&x.Parents)
	c.mode(&x.Mode)
	c.str(&x.Owner)
	c.str(&x.Group)
}

type Rename struct {
	From, To  string
	User      *User
	Overwrite bool
}

func (x *Rename) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Rename) op() byte               { return 6 }
func (x *Rename) code(c *codec)          { c.str(&x.From); c.str(&x.To); c.user(&x.User); c.bool(&x.Overwrite) }

type Remove struct {
	Path                 string
	User                 *User
	Recursive, CacheOnly bool
}

func (x *Remove) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Remove) op() byte               { return 7 }
func (x *Remove) code(c *codec) {
	c.str(&x.Path)
	c.user(&x.User)
	c.bool(&x.Recursive)
	c.bool(&x.CacheOnly)
}

type SetAttr struct {
	Path                     string
	User                     *User
	Recursive                bool
	Pin                      *bool
	TTL                      *int64
	TTLAction                *TTLAction
	ReplicasMin, ReplicasMax *int
	Mode                     *fs.FileMode
	Owner, Group             *string
	ACL, DefaultACL          *ACL
	Xattr                    map[string][]byte
	RemoveXattr              []string
	ModTime                  *int64
}

func (x *SetAttr) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *SetAttr) op() byte               { return 8 }
func (x *SetAttr) code(c *codec) {
	c.str(&x.Path)
	c.user(&x.User)
	c.bool(&x.Recursive)
	opt(c, &x.Pin, c.bool)
	opt(c, &x.TTL, c.int)
	opt(c, &x.TTLAction, func(v *TTLAction) { c.byte((*uint8)(v)) })
	opt(c, &x.ReplicasMin, c.num)
	opt(c, &x.ReplicasMax, c.num)
	opt(c, &x.Mode, c.mode)
	opt(c, &x.Owner, c.str)
	opt(c, &x.Group, c.str)
	opt(c, &x.ACL, c.acl)
	opt(c, &x.DefaultACL, c.acl)
	c.table(&x.Xattr)
	c.strs(&x.RemoveXattr)
	opt(c, &x.ModTime, c.int)
}

func (c *codec) acl(a *ACL) {
	n := uint64(len(a.Entries))
	c.uint(&n)
	if c.dec {
		if n > uint64(len(c.b)) {
			c.fail()
			return
		}
		a.Entries = make([]ACLEntry, n)
	}
	for i := range a.Entries {
		e := &a.Entries[i]
		c.byte(&e.Tag)
		c.str(&e.Name)
		c.byte(&e.Perm)
	}
}
