// Package harness starts real processes that are nodes of a mesh, makes them work, kills, stops and parts them, and looks
// whether everything that they acknowledged is there.
//
// # Model
//
// A [Process] runs the program in harness/node: it opens one cachefs.Node and answers requests, a line of JSON each, on its
// standard input and output. A [Ledger] keeps what was acknowledged and what may have happened. A [Load] has workers that make
// changes through whichever process they meet, each in a directory of its own.
//
// Nothing here is for programs that use Millpond; `make test-processes` runs the tests.
package harness
