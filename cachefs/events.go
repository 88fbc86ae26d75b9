package cachefs

import (
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// Events are called as things happen, by the goroutine that made them happen: they return soon and call nothing of the
// node. Several may be called at the same time. A nil func is not called. Those of the journal are in Config.Journal.
type Events struct {
	// FileLost: the only copy of a file is gone: its blocks did not survive a restart, or a forced Unmount gave it up.
	FileLost func(FileInfo)
	// FilePersisted: a file that was written behind is in its store.
	FilePersisted func(FileInfo)
	// PersistFailed: an upload failed and will be tried again.
	PersistFailed func(PersistInfo)
	// StoreChanged: the version that was opened is not in its store any more; once for each open file that met it.
	StoreChanged func(FileInfo)
	// StoreUnavailable: a mount's store cannot be opened by this node: Err says why. It is tried again when it is needed.
	StoreUnavailable func(MountInfo)
	// Backup: a backup was made, or why not. ErrBackupFenced: another mesh has the place, and this one's changes are in no backup.
	Backup func(BackupInfo)
	// BackupRestored: the namespace began with a backup.
	BackupRestored func(BackupInfo)
	// BackupDamaged: a backup is not as it was written, and the one before it is tried.
	BackupDamaged func(BackupInfo)
	// Tier: blocks evicted or corrupt, directories out of and back in service.
	Tier tier.Events
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
