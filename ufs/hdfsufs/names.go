package hdfsufs

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/millpond/millpond/ufs/driver"
)

const tempPrefix = ".millpond-tmp-"

// tempName is a new temporary file's name.
func tempName() string { return fmt.Sprintf("%s%016x", tempPrefix, rand.Uint64()) }

// isTemp reports whether a component is one that tempName makes.
func isTemp(component string) bool {
	digits, ok := strings.CutPrefix(component, tempPrefix)
	return ok && len(digits) == 16 && strings.Trim(digits, "0123456789abcdef") == ""
}

// path is what HDFS calls key.
func (s *store) path(key string) (string, error) {
	switch {
	case !driver.ValidKey(key), !utf8.ValidString(key):
		return "", fmt.Errorf("%w: key %q", driver.ErrInvalid, key)
	case strings.ContainsRune(key, ':'):
		return "", fmt.Errorf("%w: key %q: HDFS has no names with a colon", driver.ErrInvalid, key)
	case isTemp(path.Base(key)):
		return "", fmt.Errorf("%w: key %q: names like this are temporary files", driver.ErrInvalid, key)
	}
	return path.Join(s.dir, key), nil
}

// child is path for a key that is not the place itself.
func (s *store) child(key string) (string, error) {
	if key == "" {
		return "", fmt.Errorf("%w: the place itself", driver.ErrInvalid)
	}
	return s.path(key)
}
