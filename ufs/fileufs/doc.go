// Package fileufs is the under store of a directory: of a local disk, or of a network file system that is mounted, such
// as GlusterFS or NFS. Importing it registers the scheme "file": file:///data/in.
//
// # Model
//
// A key is a path below the directory. Regular files and directories are shown, and links to them. Listings leave out,
// and count in driver.Page.Skipped:
//
//   - links that lead nowhere, in a circle, or out of the directory;
//   - links to a directory that holds the link, by the path that is listed: their tree would have no end;
//   - devices, sockets and pipes.
//
// Each is driver.ErrNotExist to Stat and Open, but for the second, which can be asked for by its key. A link is described
// by what it points to, with where it points in Attr.Link; a recursive listing does not go into one. Delete and Rename
// take the link itself. Nothing ever follows a link out of the directory (os.Root).
//
// Names of the form ".millpond-tmp-" and 16 hexadecimal digits are temporary files of this package: they are not listed,
// and refused as keys.
//
// On Windows a key that is no path there (a backslash, a colon, "NUL") is driver.ErrInvalid. Where the file system takes
// two spellings for one name (Windows, macOS), so does Stat; listings have the one spelling that is stored.
//
// # Versions
//
// A version is size, modification time and inode: "1530-1763977200123456789-131074". While the modification time is
// younger than 2 s it has the change time, too: what somebody wrote and gave the old modification time back is seen.
// After that it has not: a chmod, a rename or a new link by others is no new content.
//
// A file does not become another one by growing old. The version that it had while young goes on naming it: Open takes
// it as a condition, and Attr.Was says it, as long as the change time is the same. Rename, SetMode and SetOwner move the
// change time; their answer has the version after them and, in Attr.Was, the one before.
//
// A clock that ticks could hide a change: written, looked at, and written again at the same length within one tick (1 to
// 10 ms on Linux). So a look at a file whose times are those of the present tick waits for the next one, and a file that
// is written in every tick has another version each time. Files of our own making have times between two ticks. A file
// system that counts whole seconds (FAT) has no name to hand on: what was seen there while young is read again when it
// is 2 s old. Not seen is a change within a tick of another machine's clock (NFS), and on Windows, which has neither
// inode nor change time to ask for cheaply, one that gives the modification time back.
//
// # Guarantees
//
//   - A file shows whole at Commit or not at all: a temporary file in its directory (or, with Parents, the nearest that
//     is there), synced, renamed, the directory synced. What Commit, Rename and Mkdir answered outlives a loss of power;
//     what Delete answered may come back by one, to be found again.
//   - Create with IfAbsent and Rename without overwrite refuse an existing name in one step where the system has such a
//     rename (Linux, macOS). Elsewhere, and on file systems without it (NFS), a file is linked and then unlinked, which is
//     as atomic but shows both names for a moment; a directory takes the place of an empty one that claims the name; and
//     where there are no hard links either (FAT) it is a look before the rename.
//   - A read is of one version: what is changed under it is driver.ErrChanged. Writes through a memory map, whose time
//     the system sets late, may pass.
//   - Temporary files that a crash left are removed when their directory is next listed, ten minutes after their last byte
//     and if no process has them locked; after a day where there are no locks. A directory that holds nothing else can
//     be deleted at any time, and with it the uploads that were going there.
//   - Permission bits and owners are those of the file system; new files have 0644 and directories 0755, less the umask.
//
// # Listings
//
// In the order of fs.WalkDir. A directory is read once a listing; between two pages its names are kept, those of all
// listings together up to 64 MiB (and of one directory whatever its size). Names that were put out for others are read
// again. A page stats its own entries and no others.
//
// # GlusterFS
//
// As measured on a volume of GlusterFS 10 that two clients mount. Its FUSE mount has no exclusive rename: a file is linked and
// unlinked, and of two hosts that give one name to two files one wins; so it is with directories. Locks (flock) hold between
// hosts and end with their host, so an upload is not swept by another host's listing. A Commit is an fsync of the file and
// of the directories that got a name, on the brick. A file that is open when it is replaced may be forgotten by the server
// (ENOENT, ESTALE): Open then opens the name again, up to ten times, and a body ends with driver.ErrChanged.
//
// What another host has changed shows after a second or two: the kernel and the client answer from what they knew. A mount
// with attribute-timeout=0 and entry-timeout=0, of a volume with performance.stat-prefetch off, sees it at once; all of the
// conformance table holds between two hosts that mount so.
//
// # Trouble
//
// A file system that has gone away (ENOTCONN, ESTALE, ENODEV, ENXIO, EIO), or the place itself having been removed, is
// driver.ErrUnavailable, a store that is down:
// never files that are not there. When it comes back, mounted anew at the same path and of the same type, the store goes on with
// it; the bare directory below the mount point is not taken for it.
//
// A call of the system that waits for a file system which does not answer cannot be woken. So on Linux, where another machine or process
// serves the directory (FUSE, GlusterFS among it, NFS, SMB, Ceph, Lustre and the like), each call is made by a goroutine, with memory of its own, and left
// to it when its context or attempt ends: the breaker opens, and closes by itself when the file system answers. At most 32 calls are
// left at a time, each of which keeps a thread of the system until the file system answers or its connection is broken (umount -f, or
// abort in /sys/fs/fuse/connections); more are driver.ErrUnavailable at once. Close waits for them for a second, and says how many there
// are. It costs some microseconds a call and one copy of the bytes. Elsewhere, and as a disk does not answer, calls last as long as the system's do.
//
// # Errors
//
// Those of package driver. A parent that is a file is driver.ErrNotExist and driver.ErrNotDir; a rename to another file
// system below the directory is driver.ErrUnsupported; a read-only file system is driver.ErrReadOnly.
//
// # Concurrency
//
// That of driver.Store. Other processes may use the directory at the same time.
package fileufs
