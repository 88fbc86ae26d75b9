// Package progress draws a line about what goes on, on a terminal alone.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Line draws what text says, again and again, until the returned func is called, which wipes it; nothing if w is no
// terminal. text is called by another goroutine.
func Line(w io.Writer, text func() string) (stop func()) {
	f, ok := w.(*os.File)
	if !ok {
		return func() {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				fmt.Fprint(f, "\r\x1b[K")
				return
			case <-tick.C:
				fmt.Fprintf(f, "\r\x1b[K%s", text())
			}
		}
	}()
	return func() { close(quit); <-done }
}

// Bar is a bar of width characters, filled as far as done is of all.
func Bar(done, all int64, width int) string {
	full := width
	if all > 0 {
		full = int(float64(width) * float64(done) / float64(all))
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}
