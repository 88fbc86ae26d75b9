//go:build !race

package cachefstest

// memorySize is that of a node's memory tier.
const memorySize = 64 << 20
