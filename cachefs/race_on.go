//go:build race

package cachefs

// maxDefaultMemory is small under the race detector: it looks at every byte of the arena when that is made.
const maxDefaultMemory = 16 << 20
