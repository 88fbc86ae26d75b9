//go:build !linux

package link

import "net"

// wakeAt does nothing: a reader is woken by every packet.
func wakeAt(*net.TCPConn, int) {}
