//go:build unix && !linux && !race

package offheap

func advise([]byte) {}
