//go:build !race

package peer_test

// many is how many nodes the largest mesh of the tests has.
const many = 100
