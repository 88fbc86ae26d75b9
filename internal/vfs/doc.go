// Package vfs is the local disk as an interface: the operating system's, one in memory that loses what was not
// synced, and a wrapper that fails, shortens and corrupts on demand.
//
// # Model
//
// [FS] is what this module asks of a directory tree: open, make, rename, remove, list, and the two calls that make
// things durable. Data written to a [File] is durable after File.Sync. A name (of a created, renamed or removed
// file or directory) is durable after FS.SyncDir of the directory that holds it. Nothing else is promised, so nothing
// else may be relied on: syncing a file does not make its name durable.
//
// [WriteFile] is the one way to publish a small file: aside, Sync, Rename, SyncDir. [InPageCache] says what can be read without a disk.
//
// # Disks
//
//   - [OS] is the operating system's. Modes are set as given, whatever the umask.
//   - [Mem] is strict: [Mem.Crash] returns a disk on which everything synced is there, and what was not may be
//     there, lost, or torn at 512 bytes, in any order.
//   - [Faulty] wraps another FS, numbers each operation, and asks a hook what happens to it.
//
// Package vfstest has the loop that crashes a workload after each of its disk operations, and what drops files from the page cache.
//
// # Concurrency
//
// Each FS may be used by any number of goroutines. A File too, but for Read and Write, which share its position.
//
// # Errors
//
// As package os: *fs.PathError around a syscall.Errno or a sentinel of io/fs, *os.LinkError from Rename;
// a lock held by another process is a [*LockedError].
package vfs
