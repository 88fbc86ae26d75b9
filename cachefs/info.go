package cachefs

import (
	"io/fs"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// PersistState says how a file stands to its under store.
type PersistState = namespace.PersistState

// The states of a file.
const (
	NotPersisted = namespace.NotPersisted // only in the cache
	ToPersist    = namespace.ToPersist    // on its way to the under store
	Persisted    = namespace.Persisted    // in the under store
	Lost         = namespace.Lost         // its blocks were only here, and are gone; ends if they come back
)

// TTL is a time to live and what happens at its end.
type TTL struct {
	After  time.Duration // from the last change of it; 0: for ever
	Action TTLAction     // default FreeAtEnd
}

// TTLAction is what happens to a file at the end of its time to live.
type TTLAction = namespace.TTLAction

// What happens at the end of a time to live.
const (
	FreeAtEnd   = namespace.TTLFree   // cached blocks are dropped; the file stays. The default
	DeleteAtEnd = namespace.TTLDelete // the file is removed, in the under store too
)

// Info describes a file or directory: an fs.FileInfo with more. It does not change after it was handed out.
type Info namespace.Entry

// infoOf is the Info of an inode that was found or opened.
func infoOf(in *namespace.Inode, path string) *Info { return (*Info)(namespace.EntryOf(in, path)) }

func (i *Info) e() *namespace.Entry { return (*namespace.Entry)(i) }

func (i *Info) Path() string       { return i.e().Path() }
func (i *Info) Name() string       { return baseOf(i.e().Path()) }
func (i *Info) Size() int64        { return i.e().Size() }
func (i *Info) IsDir() bool        { return i.e().Dir() }
func (i *Info) ModTime() time.Time { return time.Unix(0, i.e().ModTime()) }

// Mode is the type, the permission bits and, of a directory, the sticky bit.
func (i *Info) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | i.e().Mode()&(fs.ModePerm|fs.ModeSticky)
	}
	return i.e().Mode().Perm()
}

// Sys returns nil: nothing lies underneath that a caller may know.
func (i *Info) Sys() any { return nil }

// FileID names the version of a file's bytes; directories have none.
func (i *Info) FileID() tier.FileID { return i.e().FileID() }

// BlockSize is the size of the file's blocks in bytes, the last one's aside.
func (i *Info) BlockSize() int64 { return i.e().BlockSize() }

// Complete reports whether the writer has closed the file; directories are complete.
func (i *Info) Complete() bool { return i.IsDir() || i.e().Complete() }

// MountPoint reports whether the path is where an under store is mounted.
func (i *Info) MountPoint() bool { return i.e().MountPoint() }

// Persist says how the file stands to its under store.
func (i *Info) Persist() PersistState { return i.e().Persist() }

// Version is the under store's name for the content, "" while it has none.
func (i *Info) Version() string { return i.e().Version() }

// Pinned reports whether the file's blocks are kept out of the evictor.
func (i *Info) Pinned() bool { return i.e().Pinned() }

// TTL is the time to live.
func (i *Info) TTL() TTL { return TTL{After: time.Duration(i.e().TTL()), Action: i.e().Action()} }

// Owner is the owning user's name.
func (i *Info) Owner() string { return i.e().Owner() }

// Group is the owning group's name.
func (i *Info) Group() string { return i.e().Group() }

// ACL is the access list beside the mode, nil for none; the caller must not change it.
func (i *Info) ACL() *ACL { return i.e().ACL() }

// Xattr returns the extended attributes; the caller must not change them.
func (i *Info) Xattr() map[string][]byte { return i.e().Xattr() }

// Replicas are the copies to keep at least and the passive copies that stop at; 0: no limit.
func (i *Info) Replicas() (least, most int) { return i.e().Replicas() }
