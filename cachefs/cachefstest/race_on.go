//go:build race

package cachefstest

// memorySize is small under the race detector: the arena is Go heap then, with shadows several times its size.
const memorySize = 16 << 20
