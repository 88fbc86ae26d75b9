package fileufs

import "golang.org/x/sys/unix"

// tickBegan is the time that the kernel gives to what it writes now, ns: up to one tick ago.
func tickBegan() (int64, bool) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &ts)
	return ts.Nano(), err == nil
}
