// Package objects makes directories over a flat store of objects, once for all drivers of object stores.
//
// # Model
//
// A driver implements [Bucket], which is small; [New] makes a driver.Store of it. A common prefix is a directory, with
// or without its marker; an empty directory lives by a marker, an empty object "name/".
package objects
