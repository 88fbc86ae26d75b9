//go:build unix

package fileufs

import (
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"sync"
	"syscall"

	"github.com/millpond/millpond/ufs/driver"
)

const hasOwners = true

// owners knows what ids are called: asking may be a call to a directory service.
type owners struct{ users, groups sync.Map } // id to name

// of are the owner and group of a file; decimal ids where nobody has a name.
func (o *owners) of(fi fs.FileInfo) (owner, group string) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return "", ""
	}
	owner = called(&o.users, st.Uid, func(id string) (string, error) {
		u, err := user.LookupId(id)
		if err != nil {
			return "", err
		}
		return u.Username, nil
	})
	group = called(&o.groups, st.Gid, func(id string) (string, error) {
		g, err := user.LookupGroupId(id)
		if err != nil {
			return "", err
		}
		return g.Name, nil
	})
	return owner, group
}

func called(known *sync.Map, id uint32, find func(id string) (string, error)) string {
	if n, ok := known.Load(id); ok {
		return n.(string)
	}
	n := strconv.FormatUint(uint64(id), 10)
	if found, err := find(n); err == nil && found != "" {
		n = found
	}
	known.Store(id, n)
	return n
}

// ids are the numbers of an owner and a group, each a name, a number or "", which is -1.
func ids(owner, group string) (uid, gid int, err error) {
	uid, err = id("owner", owner, func(n string) (string, error) {
		u, err := user.Lookup(n)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
	if err != nil {
		return 0, 0, err
	}
	gid, err = id("group", group, func(n string) (string, error) {
		g, err := user.LookupGroup(n)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	return uid, gid, err
}

func id(what, n string, find func(string) (string, error)) (int, error) {
	if n == "" {
		return -1, nil
	}
	num, err := find(n)
	if err != nil {
		num = n // a name of digits alone is rarer than an id
	}
	v, nerr := strconv.ParseUint(num, 10, 31)
	if nerr != nil {
		return 0, fmt.Errorf("%w: no %s %q on this machine: %w", driver.ErrInvalid, what, n, err)
	}
	return int(v), nil
}
