package fileufs

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// localName refuses what Windows would take for something else: a backslash, a colon, a device.
func localName(key string) (string, error) {
	local, err := filepath.Localize(key)
	if err != nil {
		return "", fmt.Errorf("%w: key %q is no path here", driver.ErrInvalid, key)
	}
	return local, nil
}

// fromURLPath is the directory of file:///C:/dir.
func fromURLPath(p string) string { return filepath.FromSlash(strings.TrimPrefix(p, "/")) }

func toURLPath(dir string) string { return "/" + filepath.ToSlash(dir) }
