package azufs

import (
	"fmt"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// Azure makes "/" of a "\" in a name. So a key's "\" is stored as the wide one, and the wide one of a name is read as "\":
// other tools for this store (rclone) do so, too.
const wideBackslash = "\uFF3C"

var toBlob, fromBlob = strings.NewReplacer(`\`, wideBackslash), strings.NewReplacer(wideBackslash, `\`)

// blob is a name as Azure has it: a marker in a hierarchical namespace is the directory itself. ErrInvalid for a name
// that Azure cannot have.
func (b *bucket) blob(name string) (string, error) {
	if strings.Contains(name, wideBackslash) {
		return "", fmt.Errorf("%w: %q: the wide backslash %s stands for \\ in Azure", driver.ErrInvalid, name, wideBackslash)
	}
	if b.real {
		name = strings.TrimSuffix(name, "/")
	}
	return toBlob.Replace(name), nil
}
