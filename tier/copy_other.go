//go:build !amd64 || race

package tier

const optimistic = false
