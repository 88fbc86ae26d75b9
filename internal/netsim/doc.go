// Package netsim is a network in memory that breaks when it is told to: hosts with addresses, connections and packets,
// for tests of what many nodes do.
//
// # Model
//
// A Net has hosts, each with an address. A Host is one life of it: Kill ends the life as the end of a process does (its
// connections are reset), Vanish as the loss of power does (the others hear nothing); Net.Host then begins another. What
// passes between two hosts follows a Link for each direction, and is cut by Cut, Partition and OneWay until Heal.
// Connections behave as TCP's do: what is written is buffered up to a window, arrives in order, waits while the way is
// cut and goes on when it heals; Close is seen after what was written. Packets are lost, late or out of order as the
// Link says.
//
// # Concurrency
//
// Everything may be called from any goroutine. The package starts none and keeps no timer beyond a call, so that all of
// it works inside testing/synctest and nothing is left when the callers have returned.
package netsim
