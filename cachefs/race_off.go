//go:build !race

package cachefs

// maxDefaultMemory bounds the memory tier that nobody asked for.
const maxDefaultMemory = 1 << 30
