package memufs

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// node is a file or a directory. The bytes of a file are never changed: readers may hold them.
type node struct {
	dir          bool
	marked       bool // a directory that lives without content
	data         []byte
	version      string
	mod          time.Time
	mode         fs.FileMode
	owner, group string
	kids         map[string]*node
	names        []string // of kids, sorted
}

func newDir(mode fs.FileMode) *node {
	return &node{dir: true, marked: true, mod: time.Now(), mode: mode, kids: map[string]*node{}}
}

// put and remove keep the names sorted. Names that come in order, as most do, cost nothing to speak of.
func (n *node) put(name string, kid *node) {
	if n.kids[name] == nil {
		i, _ := slices.BinarySearch(n.names, name)
		n.names = slices.Insert(n.names, i, name)
	}
	n.kids[name] = kid
}

func (n *node) remove(name string) {
	i, _ := slices.BinarySearch(n.names, name)
	n.names = slices.Delete(n.names, i, i+1)
	delete(n.kids, name)
}

func (n *node) attr(key string) driver.Attr {
	a := driver.Attr{Key: key, Dir: n.dir, ModTime: n.mod, Mode: n.mode, Owner: n.owner, Group: n.group}
	if !n.dir {
		a.Size, a.Version = int64(len(n.data)), n.version
	}
	return a
}

// after is attr for the answer of a change that leaves the version alone.
func (n *node) after(key string) driver.Attr {
	a := n.attr(key)
	a.Was = a.Version
	return a
}

// components are those of a key; none of the place itself.
func components(key string) []string {
	if key == "" {
		return nil
	}
	return strings.Split(key, "/")
}

func (s *Store) findLocked(key string) (*node, error) {
	n := s.mu.root
	for _, c := range components(key) {
		if n = n.kids[c]; n == nil {
			return nil, driver.ErrNotExist
		}
	}
	return n, nil
}

// parentLocked is the directory that key is in, and what key is called in it. Missing ones are made with parents, and by
// a store that has no directories anyway.
func (s *Store) parentLocked(key string, parents bool) (*node, string, error) {
	if key == "" {
		return nil, "", fmt.Errorf("%w: the place itself", driver.ErrInvalid)
	}
	list := components(key)
	n := s.mu.root
	for _, c := range list[:len(list)-1] {
		kid := n.kids[c]
		switch {
		case kid == nil && !parents && s.caps.Directories:
			return nil, "", driver.ErrNotExist
		case kid == nil:
			kid = newDir(0o755)
			kid.marked = s.caps.Directories
			n.put(c, kid)
		case !kid.dir:
			return nil, "", driver.ErrNotDir
		}
		n = kid
	}
	return n, path.Base(key), nil
}

// removeLocked takes a name out, and with it the directories above that lived by it.
func (s *Store) removeLocked(key string) {
	for {
		up, name, err := s.parentLocked(key, false)
		if err != nil {
			return
		}
		up.remove(name)
		key = path.Dir(key)
		if key == "." || up.marked || len(up.names) > 0 {
			return
		}
	}
}

// setLocked puts a file under a name, over the file that has it.
func (s *Store) setLocked(key string, data []byte, mode fs.FileMode, parents bool) (*node, error) {
	up, name, err := s.parentLocked(key, parents)
	if err != nil {
		return nil, err
	}
	if old := up.kids[name]; old != nil && old.dir {
		return nil, driver.ErrIsDir
	}
	if mode == 0 {
		mode = 0o644
	}
	s.mu.versions++
	n := &node{data: data, version: fmt.Sprintf("v%d", s.mu.versions), mod: time.Now(), mode: mode.Perm()}
	up.put(name, n)
	return n, nil
}

// Put writes a file and its parents as somebody else would, past hook, counts and capabilities. It panics for a key that
// cannot be: a fake's content is written by hand.
func (s *Store) Put(key string, data []byte) {
	if key == "" || !driver.ValidKey(key) {
		panic(fmt.Sprintf("memufs: key %q", key))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.setLocked(key, slices.Clone(data), 0, true); err != nil {
		panic(fmt.Sprintf("memufs: put %q: %v", key, err))
	}
}
