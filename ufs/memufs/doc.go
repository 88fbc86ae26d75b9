// Package memufs is an under store in memory: the fake that users put into their unit tests. It has real versions, waits
// as long as it is told to, fails where it is told to, counts its calls, and can look like a file server or like a
// bucket. Importing it registers the scheme "mem": mem://name, an empty store each time that it is opened.
//
// # Use
//
//	store := memufs.New(nil)
//	store.Put("in/a.csv", data)                            // as somebody else would
//	node, err := cachefs.Open(ctx, cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/data", Store: store.UFS()}}})
//	store.OnCall(func(op, key string) error { return ... }) // from here on the store has troubles
//	store.Calls()["open"]                                  // how often was it read?
//	store.Sent()                                           // and how many bytes did it give?
//
// # Model
//
// The zero Options have real directories, atomic renames and conditional writes, as a directory of a disk has, and
// versions that follow the content: a rename or a chmod leaves them alone. [Bucket] is the other kind that code must cope
// with: no renames, no directories but those that something lies in or that were made as markers. Options.Caps can be any
// set between: an ability that is not in it answers driver.ErrUnsupported (a change in a read-only store
// driver.ErrReadOnly), Open without IfVersion reads whatever is there, and Create without IfAbsent or ReplaceVersion refuses
// to be asked.
//
// A name is a file or a directory, never both, in this bucket too.
//
// # Calls
//
// Each method of driver.Store is one call: it waits Options.Latency, is counted, and asks the hook of OnCall, in this
// order and under no lock. Their names are
//
//	stat list open create commit abort delete delete-version delete-batch rename copy mkdir setmode setowner
//
// The hook is also asked before each piece that is read of a body ("read") or written to a file ("write"), which are
// neither counted nor slow. A hook may block: the call goes on when it returns, if its context has not ended by then.
//
// # Guarantees
//
// A file shows at Commit, with its missing parents, or not at all; whoever reads keeps the bytes that were there at Open.
// A List page costs its own entries, not the store's.
//
// # Concurrency
//
// All methods may be called at the same time. In a synctest bubble, time is the bubble's, and nothing runs behind a call.
//
// # Errors
//
// Those of package driver, and those of the hook, as they are.
package memufs
