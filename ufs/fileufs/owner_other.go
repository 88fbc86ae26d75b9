//go:build !unix

package fileufs

import (
	"io/fs"

	"github.com/millpond/millpond/ufs/driver"
)

const hasOwners = false

// owners: files here are not owned by one user and one group.
type owners struct{}

func (*owners) of(fs.FileInfo) (owner, group string) { return "", "" }

func ids(string, string) (uid, gid int, err error) { return 0, 0, driver.ErrUnsupported }
