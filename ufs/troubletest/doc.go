// Package troubletest holds drivers of remote stores to what they promise when the network and the store break: a table
// beside that of ufstest, over a fault proxy in front of a real server. Each item is a subtest that is named after its
// fault. An item that a server cannot show is skipped with the reason that Harness.Known gives. The table's own test holds it
// against a small store with a client that has one bad habit after the other.
//
// What a stalled store does to the mounts beside it is in package cachefstest.
package troubletest
