// Package unittest shows how a program that reads through Millpond is tested: lines.go is the program, lines_test.go its
// test over an under store in memory, with a scripted fault.
package unittest

import (
	"bufio"
	"context"

	"github.com/millpond/millpond/cachefs"
)

// CountLines counts the lines of a file. It takes the interface, so that a test may hand it any file system.
func CountLines(ctx context.Context, fsys cachefs.FileSystem, path string) (int, error) {
	f, err := fsys.Open(ctx, path, nil)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n := 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		n++
	}
	return n, lines.Err()
}
