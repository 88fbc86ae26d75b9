package fileufs

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"

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

// name is what os.Root calls key.
func name(key string) (string, error) {
	if !driver.ValidKey(key) {
		return "", fmt.Errorf("%w: key %q", driver.ErrInvalid, key)
	}
	if isTemp(path.Base(key)) {
		return "", fmt.Errorf("%w: key %q: names like this are temporary files", driver.ErrInvalid, key)
	}
	if key == "" {
		return ".", nil
	}
	return localName(key)
}

// child is name for a key that is not the place itself.
func child(key string) (string, error) {
	if key == "" {
		return "", fmt.Errorf("%w: the place itself", driver.ErrInvalid)
	}
	return name(key)
}
