package cachefs

import (
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// Events are called as things happen, by the goroutine that made them happen: they return soon and call nothing of the
// node. A nil func is not called.
type Events struct {
	FileLost      func(FileInfo)    // the only copy of a file is gone
	FilePersisted func(FileInfo)    // a file that was written behind is in its store
	PersistFailed func(PersistInfo) // an upload failed and will be tried again
	StoreChanged  func(FileInfo)    // a file changed in its store while it was read
	Tier          tier.Events       // directories out of and back in service, checksum errors
}

// FileInfo says which file an event is about.
type FileInfo struct {
	Path   string
	FileID tier.FileID
	Size   int64
}

// PersistInfo says how an upload failed.
type PersistInfo struct {
	FileInfo
	Err   error
	Retry time.Duration // when it is tried again
}

func fileInfo(path string, in *namespace.Inode) FileInfo {
	return FileInfo{Path: path, FileID: in.FileID, Size: in.Size}
}

// persisted tells of an upload that ended.
func (n *Node) persisted(path string, in *namespace.Inode, err error, retry time.Duration) {
	switch e := &n.cfg.Events; {
	case err == nil && e.FilePersisted != nil:
		e.FilePersisted(fileInfo(path, in))
	case err != nil && e.PersistFailed != nil:
		e.PersistFailed(PersistInfo{fileInfo(path, in), err, retry})
	}
}
