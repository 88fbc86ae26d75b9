// Package arena hands out pieces of one large range of memory that no garbage collector looks at.
//
// # Model
//
// An [Arena] is a run of pages of 4 KiB. A piece of up to 16 KiB comes from a slab: 16 pages cut into slots of one
// size. A larger one is made of whole pages: one run of them if there is one, else several, so that the free pages of
// a fragmented arena are all of use. Free runs carry their length at both ends (Knuth's boundary tags) and stand in lists
// by size; freeing joins a run with its neighbours.
//
// # Concurrency
//
// Any number of goroutines; one short lock, never held while bytes are copied.
package arena
