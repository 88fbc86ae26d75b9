//go:build race

package ring_test

const many = 100 // members; the detector makes the arithmetic of 1,000 take a minute
