//go:build amd64 && !race

package tier

// optimistic: a reader copies first and asks afterwards whether the block was there all the while. amd64 keeps loads in
// order, so the question is answered after the copy; elsewhere, and under the race detector, readers pin the block.
const optimistic = true
