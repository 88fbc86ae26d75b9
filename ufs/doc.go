// Package ufs is for under stores: places in S3, HDFS, a directory, ... that hold files by keys. It puts around a driver,
// once for all of them, what a store over a network needs.
//
// # Model
//
// A [Store] is one place in one store. Its keys are relative to that place, their components separated by '/'; "" is the
// place itself. A key names a file or a directory. A file has a version: equal versions of a key have equal bytes. Files
// show whole, at [Writer.Commit], and are replaced whole.
//
// [Open] opens the place that a URL names, through the driver that has registered the URL's scheme: importing a driver
// registers it, as in database/sql. A driver's own Open does the same with Options of its own. [New] is for a driver that
// is in hand.
//
//	import _ "github.com/millpond/millpond/ufs/fileufs"
//
//	s, err := ufs.Open(ctx, "file:///data/in", nil)
//
// What a store can do stands in [Caps]; nothing above asks which store it is. What one lacks is composed of other calls
// where that is possible: Copy of a read and a write, Rename of a copy and a deletion, DeleteBatch of deletions. Caps says
// what is one step of the store and what is not.
//
// # Guarantees
//
//   - Bounded retries with full jitter, within the caller's context, of what may be made twice: looks and reads, and any
//     call of which the store says that it had no effect (*driver.Retryable, whose After is kept to). A change whose
//     answer is lost is never made again blindly: it is a *driver.Unknown. A Commit is the driver's to retry, part by part.
//   - A body that breaks goes on from where it broke, under the version that it began with. A body is whole, or its error
//     says what is missing; its last bytes come after the driver has checked what it can.
//   - A version is a condition, also in a store that knows none: it is compared before the first byte and, where the store
//     does not hold it meanwhile, before the last.
//   - Bounds for each store on calls and on bytes in flight, in the order of coming.
//   - A circuit breaker for each store: after [Options].BreakerFailures failures in a row that may pass, calls fail at
//     once with an [*UnavailableError], until one call that is let through succeeds. An answer is a success, whatever it
//     says; being asked to come later is neither.
//   - A timeout for each attempt, and for a body that brings nothing.
//   - A range that is late is asked for a second time, within 5 % more requests; see [Store.Open].
//   - Counters of all that: [Store.Metrics].
//
// # Concurrency
//
// All methods of a Store may be called at the same time. A body and a [Writer] belong to one goroutine each. An open body
// holds one of [Options].MaxCalls places until it is read to its end or closed: who holds one and waits for another call
// of the same store may wait for himself. Close of a Store waits for the second requests that are under way.
//
// # Errors
//
// They name call, key, place and the number of attempts, and are asked for with errors.Is: [ErrNotExist] and
// the conditions beside it, four of which are those of io/fs; os.ErrDeadlineExceeded for a store that did not answer in
// time; the cause of the caller's context if that has ended. Anything else is what the driver said. None holds a
// credential: a URL is shown without user and options.
package ufs
