// Package ring says which members of a mesh own a key: a pure function of the members, the same on all nodes whatever
// the order in which they came.
//
// # Model
//
// A key falls into one of 2^18 slots. Each member has a score for each slot, and the best one owns it: rendezvous
// hashing (Thaler and Ravishankar, 1998), weighted by capacity (Schindelhauer and Schomaker, 2005), over slots rather
// than keys so that a look-up is one load. A member that comes takes slots from all others, one that goes leaves its
// own to all others, and no slot moves between the rest.
//
// Chance alone spreads the shares by some percent where members are many. So members with too many slots hand those
// over that they won most narrowly, to whoever scores best and has too few ("bounded loads", Mirrokni, Thorup and
// Zadimoghaddam, 2016, at the size of a slot): each share lies within 4 % of the fair one, to the slot.
//
// # Guarantees
//
// Scores are integers: nodes of different machines agree to the bit.
//
// # Concurrency
//
// A Ring does not change: With and Without make another. A Tracker is one goroutine's.
package ring
