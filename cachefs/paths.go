package cachefs

import (
	"fmt"
	"strings"
)

const (
	maxName = 255   // bytes of one component: what every local file system takes
	maxPath = 4_096 // bytes of a whole path: PATH_MAX
)

// checkPath returns nil for an absolute, clean path: "/" or "/a/b". Names are any bytes but "/" and NUL; "." and ".."
// are refused rather than resolved, since no two systems agree on what they mean after a rename.
func checkPath(p string) error {
	switch {
	case p == "":
		return fmt.Errorf("%w: empty path; the root is \"/\"", ErrInvalid)
	case p[0] != '/':
		return fmt.Errorf("%w: relative path; paths begin with \"/\"", ErrInvalid)
	case p == "/":
		return nil
	case len(p) > maxPath:
		return fmt.Errorf("%w: path of %d bytes; at most %d", ErrInvalid, len(p), maxPath)
	}
	start := 1
	for i := 1; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			if p[i] == 0 {
				return fmt.Errorf("%w: NUL in a name; every other byte will do", ErrInvalid)
			}
			continue
		}
		if err := checkName(p[start:i]); err != nil {
			return err
		}
		start = i + 1
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty name in a path; no \"//\" and no slash at the end", ErrInvalid)
	case name == "." || name == "..":
		return fmt.Errorf("%w: %q in a path; give the path it stands for", ErrInvalid, name)
	case len(name) > maxName:
		return fmt.Errorf("%w: name of %d bytes; at most %d", ErrInvalid, len(name), maxName)
	}
	return nil
}

// parentOf is the directory that holds p; the root is its own parent.
func parentOf(p string) string {
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return "/"
}

// baseOf is the last name of p; the root's is "/".
func baseOf(p string) string {
	if p == "/" {
		return p
	}
	return p[strings.LastIndexByte(p, '/')+1:]
}

// join puts a relative path below dir.
func join(dir, rel string) string {
	switch {
	case rel == "":
		return dir
	case dir == "/":
		return "/" + rel
	}
	return dir + "/" + rel
}

// below returns p's path relative to dir ("" for dir itself), and whether p is dir or lies below it.
func below(dir, p string) (string, bool) {
	if dir == "/" {
		return p[1:], true
	}
	if !strings.HasPrefix(p, dir) {
		return "", false
	}
	rest := p[len(dir):]
	if rest == "" {
		return "", true
	}
	if rest[0] != '/' {
		return "", false
	}
	return rest[1:], true
}
