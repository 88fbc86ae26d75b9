//go:build race

package peer_test

const many = 25
