package ufstest

import "testing"

// Items are the numbers of the table, in order.
func Items() (numbers []int) {
	for _, i := range table() {
		numbers = append(numbers, i.n)
	}
	return numbers
}

// Check runs one item.
func Check(tb testing.TB, h Harness, n int) {
	for _, i := range table() {
		if i.n == n {
			check(tb, h, i)
		}
	}
}
