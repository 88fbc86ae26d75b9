//go:build linux && !race

package memtest

const told = true
