package cachefs_test

import (
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/millpond/millpond/cachefs"
)

// model is what the file system should be: a map, too small to be wrong.
type model struct {
	nodes map[string]*entry
}

// entry is a file or directory of the model.
type entry struct {
	dir       bool
	mount     bool
	data      []byte
	pinned    bool
	persisted bool        // the under store has it for certain
	pending   bool        // the under store has it now or later
	maybeLost bool        // only memory had it when the process ended
	outside   bool        // put into the store behind the node's back
	mode      fs.FileMode // 0: as it was made
	tag       string      // an extended attribute, and the time to live in hours
}

// perm is the mode that Stat shows.
func (e *entry) perm() fs.FileMode {
	switch {
	case e.mode != 0:
		return e.mode
	case e.dir:
		return 0o755
	}
	return 0o644
}

func newModel() *model {
	return &model{nodes: map[string]*entry{
		"/":  {dir: true},
		"/m": {dir: true, mount: true, persisted: true},
	}}
}

func parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return "/"
}

func under(dir, p string) bool {
	return dir == "/" && p != "/" || strings.HasPrefix(p, dir+"/")
}

func mounted(p string) bool {
	return p == "/m" || under("/m", p) || p == secondMount || under(secondMount, p)
}

// reach says what stands in the way of p's parent: nil when it is a directory.
func (m *model) reach(p string) error {
	for q := parent(p); ; q = parent(q) {
		if e := m.nodes[q]; e != nil {
			if !e.dir {
				return cachefs.ErrNotDir
			}
			if q == parent(p) {
				return nil
			}
			return cachefs.ErrNotExist
		}
	}
}

// find is the entry at p, or why there is none.
func (m *model) find(p string) (*entry, error) {
	if e := m.nodes[p]; e != nil {
		return e, nil
	}
	if err := m.reach(p); err != nil {
		return nil, err
	}
	return nil, cachefs.ErrNotExist
}

func (m *model) below(dir string) []string {
	var out []string
	for p := range m.nodes {
		if under(dir, p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

func (m *model) children(dir string) []string {
	return slices.DeleteFunc(m.below(dir), func(p string) bool { return parent(p) != dir })
}

func (m *model) mkdirAll(p string) {
	for ; m.nodes[p] == nil; p = parent(p) {
		m.nodes[p] = &entry{dir: true}
	}
}

func (m *model) remove(p string) {
	for _, q := range m.below(p) {
		delete(m.nodes, q)
	}
	delete(m.nodes, p)
}

func (m *model) rename(from, to string) {
	moved := map[string]*entry{to: m.nodes[from]}
	for _, q := range m.below(from) {
		moved[to+q[len(from):]] = m.nodes[q]
	}
	m.remove(from)
	m.remove(to)
	maps.Copy(m.nodes, moved)
}

// wantCreate is what Create may answer: no error in the list means that it must work.
func (m *model) wantCreate(o op) []error {
	e := m.nodes[o.path]
	if e != nil && e.dir {
		return []error{cachefs.ErrExist, cachefs.ErrIsDir}
	}
	if e != nil && !o.has("o") && !o.has("a") {
		return []error{cachefs.ErrExist}
	}
	if err := m.reach(o.path); err == cachefs.ErrNotDir || err != nil && !o.has("p") {
		return []error{err, m.notDirToo(o.path, err)}
	}
	return nil
}

// notDirToo is the other error that a missing name below a file may have: a store says one or the other.
func (m *model) notDirToo(p string, err error) error {
	for q := parent(p); q != "/"; q = parent(q) {
		if e := m.nodes[q]; e != nil && !e.dir {
			if err == cachefs.ErrNotDir {
				return cachefs.ErrNotExist
			}
			return cachefs.ErrNotDir
		}
	}
	return err
}

func (m *model) wantMkdir(o op) []error {
	if e := m.nodes[o.path]; e != nil {
		if e.dir && o.has("p") {
			return nil
		}
		return []error{cachefs.ErrExist, cachefs.ErrNotDir}
	}
	if err := m.reach(o.path); err == cachefs.ErrNotDir || err != nil && !o.has("p") {
		return []error{err, m.notDirToo(o.path, err)}
	}
	return nil
}

func (m *model) wantRename(o op) []error {
	var errs []error
	from, err := m.find(o.path)
	if err != nil {
		errs = append(errs, err, m.notDirToo(o.path, err))
	}
	if o.path == o.to && err == nil && !from.mount {
		return nil
	}
	if err := m.reach(o.to); err != nil {
		errs = append(errs, err, m.notDirToo(o.to, err))
	}
	to := m.nodes[o.to]
	if from != nil && from.mount || to != nil && to.mount || under(o.path, o.to) {
		errs = append(errs, cachefs.ErrInvalid)
	}
	if mounted(o.path) != mounted(o.to) {
		errs = append(errs, cachefs.ErrCrossMount)
	}
	if to != nil {
		switch {
		case !o.has("o"):
			errs = append(errs, cachefs.ErrExist)
		case to.dir:
			errs = append(errs, cachefs.ErrExist, cachefs.ErrIsDir, cachefs.ErrNotEmpty)
		case from != nil && from.dir:
			errs = append(errs, cachefs.ErrExist, cachefs.ErrNotDir)
		}
	}
	return errs
}

func (m *model) wantRemove(o op) []error {
	e, err := m.find(o.path)
	switch {
	case err != nil:
		return []error{err, m.notDirToo(o.path, err)}
	case e.mount:
		return []error{cachefs.ErrInvalid, cachefs.ErrNotEmpty}
	case e.dir && !o.has("r") && len(m.children(o.path)) > 0:
		return []error{cachefs.ErrNotEmpty}
	}
	return nil
}

// wantFree also says whether it may work although errors are listed (what persists behind decides).
func (m *model) wantFree(o op) (errs []error, mayWork bool) {
	e, err := m.find(o.path)
	if err != nil {
		return []error{err, m.notDirToo(o.path, err)}, false
	}
	all := []*entry{e}
	if e.dir {
		kids := m.below(o.path)
		if len(kids) > 0 && !o.has("r") {
			return []error{cachefs.ErrNotEmpty}, false
		}
		for _, k := range kids {
			all = append(all, m.nodes[k])
		}
	}
	mayWork = true
	for _, e := range all {
		if e.dir {
			continue
		}
		if !e.persisted {
			errs = append(errs, cachefs.ErrNotPersisted)
			mayWork = mayWork && e.pending
		}
		if e.pinned && !o.has("f") {
			errs = append(errs, cachefs.ErrPinned)
			mayWork = false
		}
	}
	return errs, mayWork
}
