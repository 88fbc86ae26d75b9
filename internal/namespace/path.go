package namespace

import (
	"fmt"
	"strings"
)

// maxPath is how long a path may be, in bytes.
const maxPath = 4096

// CheckPath accepts "/" and "/a/b".
func CheckPath(p string) error {
	switch {
	case p == "/":
		return nil
	case p == "" || p[0] != '/' || len(p) > maxPath:
		return fmt.Errorf("%w: path %.50q", ErrInvalid, p)
	}
	for name := range strings.SplitSeq(p[1:], "/") {
		if !goodName(name) {
			return fmt.Errorf("%w: name %.50q", ErrInvalid, name)
		}
	}
	return nil
}

func goodName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 && strings.IndexByte(name, 0) < 0
}
