//go:build !linux

package link

import (
	"errors"
	"net"
)

// Process is Linux's.
func Process(*net.UnixConn) (pid, user int, err error) { return 0, 0, errors.ErrUnsupported }
