// Package objects makes directories over a flat store of objects, once for all drivers of object stores.
//
// # Model
//
// A driver implements [Bucket], which is small; [New] makes a driver.Store of it, [Places] the two ways to open one. A common prefix is a directory, with
// or without its marker; an empty directory lives by a marker, an empty object "name/". Mkdir makes a marker; Create
// makes none, so a directory that came to be by Create alone goes with its last file. The place that was opened is a
// directory if its bucket can be listed, whether anything is in it or not.
//
// # What is left out
//
// A bucket holds names that are no path. A listing leaves them out and counts them in driver.Page.Skipped; it never
// fails for them:
//
//   - a name with an empty component ("a//b", "/a"), with "." or "..", or with a NUL. One common prefix of such names
//     counts as one;
//   - what lies below a name that is a file: of "a" and "a/b", the file "a" shows and the directory "a" does not. Only
//     "a/b" asked for by its whole key is found;
//   - the content of an object whose name ends in "/": the directory shows, the bytes are out of reach. It is counted
//     where a listing meets the object itself.
//
// A directory that holds nothing but such names lists as empty and cannot be deleted.
//
// # Order
//
// Pages are in the bucket's order, in which the directory "a" counts as "a/": after "a-b", where names are sorted by
// their bytes. StartAfter means a place in that order.
//
// # Requests
//
//	Stat of a file               1 HEAD
//	Stat of a directory          1 HEAD, 1 list of 1 name
//	Stat of the place itself     1 list of 1 name
//	List of a directory          its entries, and its marker, divided by the page, rounded up: lists
//	  of one that is missing     1 list, 1 HEAD
//	  begun with StartAfter      1 HEAD more
//	Open                         1 GET; of no bytes 1 HEAD; at the end of the file or beyond 1 GET, 1 HEAD
//	  of what is missing         1 GET, 1 list of 1 name
//	Create                       1 PUT; above one part: begin, the parts, complete
//	Delete of a file             1 HEAD, 1 DELETE; again, three times at most, where the store takes a condition and it was replaced meanwhile
//	  of a directory             1 HEAD, 1 list of 2 names, 1 DELETE
//	DeleteBatch                  1
//	Mkdir                        1 HEAD, 1 list, 1 PUT; with parents the same again for each that is missing, and
//	                             1 HEAD, 1 list for the lowest that is there
//	Copy                         the bucket's
//
// A recursive listing is of files, and of the directories that have markers.
//
// # Errors
//
// Those of package driver. A key with a component that no key may have is driver.ErrInvalid and makes no request.
//
// # Concurrency
//
// That of driver.Store.
package objects
