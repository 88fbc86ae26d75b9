//go:build !linux && !darwin

package fileufs

import (
	"errors"
	"os"
)

// renameExclusive: this system has no such rename.
func renameExclusive(*os.Root, string, string) error { return errors.ErrUnsupported }
