// Package cachefs is a file system that caches under stores in the memory and on the disks of the processes that use
// it. A Node is one process's part; FileSystem is what applications import.
//
// # Model
//
// There is one tree of names. Below a mount it stands for a place in an under store, which is the truth; elsewhere it
// is the cache's own. The tree is a replica (internal/namespace) that only entries of the journal change. A file's
// content is a version, named by a FileID, cut into blocks that never change: an overwritten file has another FileID,
// so no cached byte is ever stale.
//
//	        Open, Stat, List                Create, Rename, Remove, SetAttr, Mount
//	              |                                      |
//	       overlay: found just now ----- behind ----> journal --> replica --> effects --> tiers
//	              |                                      ^
//	           replica                                   | intent, I/O, commit
//	              | unknown                              |
//	           under store <-----------------------------+
//
//	ReadAt: table of block pointers -> memory tier -> disk tiers -> fill (once for all readers) <- under store
//	                     with Config.Mesh: fill <- owner of the block, once for all nodes <- under store
//	                     of a Client: any node that answers, straight into the caller's memory
//	Write:  tier, held -> Close: saved on disk, one entry        (MustCache, AsyncThrough)
//	        tier and upload at once -> Close: publish, one entry (CacheThrough, Through)
//
// The rooms: lookups and listings in stat.go, meta_*.go; reads in file.go, read.go, fill*.go, readahead.go, view.go,
// source.go; the other nodes in mesh*.go, nodes.go, calls.go; a Client in dial.go, client*.go, and what a node does for one in serve_client*.go; writes in writer*.go, publish.go, persist*.go; changes in change.go, intent.go and a file a call; what the
// tiers owe the replica in effects.go, compare.go; what outlives all nodes in backup.go; start and end in node.go.
//
// # Guarantees
//
// A complete file reads as what was written, or as one version of its under store: never a mixture, never short without
// an error. A change is in the journal, and survives a kill of the process if Config.Dir is set, when its call returns.
// What a call needs of both the namespace and a store happens in both or in neither, also over a kill: an intent is
// entered first and settled at the next Open.
//
// Close of a Writer promises what its WriteType says. MustCache and AsyncThrough promise a copy that outlives the
// process only where the node has a disk tier and a Dir.
//
// With Config.Backup the namespace outlives its nodes: it begins with the newest backup, and when the Shutdown of the last node
// has returned nil its last change is in one. Files whose only copies were in tiers that are gone are ErrLost then. Backups are
// no part of the promise of a change: nodes that all die at once lose what came after the last one.
//
// # Concurrency
//
// All methods of Node and Client, File.ReadAt and File.View may be called by any number of goroutines. A hit in memory takes no
// lock and allocates nothing. No lock is held while a store, the journal or a disk is waited for. Every wait ends with
// its context; Shutdown ends every goroutine.
//
// # Errors
//
// Errors are *fs.PathError (Rename: *os.LinkError) around a sentinel of errors.go; where io/fs has the condition it is the
// same value. What a caller can mend says how, behind a semicolon. A context that has ended ends every call and every
// read, of cached bytes too, with its cause; after Shutdown all of them are ErrClosed.
package cachefs
