package troubletest

import "testing"

// Items are the names of the table, in order.
func Items() (names []string) {
	for _, i := range table() {
		names = append(names, i.name)
	}
	return names
}

// Check runs one item.
func Check(tb testing.TB, h Harness, name string) {
	for _, i := range table() {
		if i.name == name {
			i.check(tb, h)
		}
	}
}
