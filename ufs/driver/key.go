package driver

import "strings"

// ValidKey reports whether key has only components that a path can have: none that is empty, "." or "..", and no NUL. The
// empty key, which is the place itself, is valid.
func ValidKey(key string) bool {
	if key == "" {
		return true
	}
	if strings.ContainsRune(key, 0) {
		return false
	}
	for c := range strings.SplitSeq(key, "/") {
		if c == "" || c == "." || c == ".." {
			return false
		}
	}
	return true
}
