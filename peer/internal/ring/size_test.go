//go:build !race

package ring_test

const many = 1000 // members
