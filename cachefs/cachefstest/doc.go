// Package cachefstest opens nodes for unit tests: over disks and an under store in memory, and several of them over a
// network in memory that breaks when it is told to. They are closed and checked for leaks by the test's end. It works
// inside a synctest bubble, and several nodes belong into one: they wait for each other as nodes do.
//
// # Tests of what uses nodes
//
// [New] opens a [Cluster]. Its methods stop nodes, kill them, take their power, part them, make links slow and clocks wrong;
// its Store is a fake whose calls fail by a script, and are counted. [Put] changes a store behind the back of its nodes, as a
// stranger does, and [At] says what a node makes of it.
//
// # Tests of a driver
//
// Who brings a driver for another store has its promises checked by package ufstest, and here what a node makes of them:
// [FirstReaders], that each byte is read once however many want it; [Sync], that strangers' changes show by the mount's policy,
// over the table [Strangers]; [Apart], that no place is mounted twice; [Flipped], that a wrong byte is fetched again; [Requests], that no more is asked than has to be; [Stall], that a store that does not answer is let alone and harms no other mount. They open nodes of
// their own, and fail t where a promise is not kept.
package cachefstest
