package fileufs

import (
	"fmt"
	"io/fs"
	"time"
)

// young is the age up to which a modification time does not yet say all.
const young = 2 * time.Second

// stamp is what tells one content of a file from another.
type stamp struct {
	size   int64
	mod    int64  // ns
	ino    uint64 // 0: unknown
	change int64  // ns; 0: unknown
}

func stampOf(fi fs.FileInfo) stamp {
	ino, change := inode(fi)
	return stamp{fi.Size(), fi.ModTime().UnixNano(), ino, change}
}

// settled is the version without the change time.
func (s stamp) settled() string {
	if s.ino == 0 {
		return fmt.Sprintf("%d-%d", s.size, s.mod)
	}
	return fmt.Sprintf("%d-%d-%d", s.size, s.mod, s.ino)
}

func (s stamp) full() string { return fmt.Sprintf("%s-%d", s.settled(), s.change) }

// names are the version at a time, and the one that the file had while it was young, unless a change since can have left
// these times alone, as where whole seconds are counted. (How far the two times are apart says nothing: they may be of
// two machines' clocks.)
func (s stamp) names(now time.Time) (version, was string) {
	switch {
	case s.change == 0:
		return s.settled(), ""
	case now.Sub(time.Unix(0, s.mod)) < young:
		return s.full(), ""
	case s.change%int64(time.Second) != 0:
		return s.settled(), s.full()
	}
	return s.settled(), ""
}

// is reports whether version names the file.
func (s stamp) is(version string) bool {
	return version == s.settled() || s.change != 0 && version == s.full()
}

// sameFile reports whether two versions are of one content, whatever the change times.
func sameFile(a, b string) bool { return withoutChange(a) == withoutChange(b) }

// withoutChange cuts the fourth number of a version.
func withoutChange(version string) string {
	var size, mod, change int64
	var ino uint64
	if n, _ := fmt.Sscanf(version, "%d-%d-%d-%d", &size, &mod, &ino, &change); n == 4 {
		return stamp{size: size, mod: mod, ino: ino}.settled()
	}
	return version
}
