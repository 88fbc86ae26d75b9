//go:build race

package disk

const slabBits = 13 // the race detector wants memory of the Go heap, which is cleared as a whole, and four times that beside it
