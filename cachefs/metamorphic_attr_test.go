package cachefs_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/millpond/millpond/cachefs"
)

// label gives a file or a tree a mode, or a file a tag and what else changes the namespace alone.
func (m *machine) label(o op) error {
	e, want := m.model.find(o.path)
	if e != nil && e.mount {
		return nil // the mount's own directory is made again by other means
	}
	mode, tag := fs.FileMode(0o600|o.seed%0o100), fmt.Sprint(o.seed%1000)
	opts := &cachefs.AttrOptions{Mode: &mode, Recursive: o.has("r")}
	if o.kind == "tag" {
		least := int(o.seed % 3)
		if m.over != nil {
			least = m.cfg.copies // with fewer a dead node may take the last
		}
		hours := time.Duration(1+o.seed%1000) * time.Hour
		opts = &cachefs.AttrOptions{Xattr: map[string][]byte{"tag": []byte(tag)}, TTL: &hours, ReplicasMin: &least}
	}
	err := m.node.SetAttr(m.ctx, o.path, opts)
	if want != nil {
		return m.simple(err, []error{want, m.model.notDirToo(o.path, want)}, nil)
	}
	if err != nil {
		return err
	}
	if o.kind == "tag" {
		e.tag = tag
		return nil
	}
	e.mode = mode
	for _, p := range m.model.below(o.path) {
		if opts.Recursive {
			m.model.nodes[p].mode = mode
		}
	}
	return nil
}

// shows compares what Stat says with what SetAttr set.
func (e *entry) shows(info *cachefs.Info) error {
	if e.mount {
		return nil
	}
	if got := info.Mode().Perm(); got != e.perm() {
		return fmt.Errorf("stat says mode %o, want %o", got, e.perm())
	}
	if got := string(info.Xattr()["tag"]); got != e.tag {
		return fmt.Errorf("stat says tag %q, want %q", got, e.tag)
	}
	if e.pinned != info.Pinned() && !e.dir {
		return fmt.Errorf("stat says pinned=%t, want %t", info.Pinned(), e.pinned)
	}
	return nil
}

// locate asks where a range lies: the blocks cover it, one after the other, and no more.
func (m *machine) locate(o op) error {
	e, want := m.model.find(o.path)
	list, err := m.node.Locate(m.ctx, o.path, &cachefs.LocateOptions{Offset: int64(o.off), Length: int64(o.size)})
	switch {
	case want != nil:
		return m.simple(err, []error{want, m.model.notDirToo(o.path, want)}, nil)
	case e.dir:
		return oneOf(err, []error{cachefs.ErrIsDir})
	case err != nil:
		return err
	}
	size, block := int64(len(e.data)), m.cfg.block
	from, to := min(int64(o.off), size), size
	if o.size > 0 {
		to = min(from+int64(o.size), size)
	}
	at := from / block * block
	for _, b := range list {
		if b.Offset != at || b.Length != min(block, size-at) {
			return fmt.Errorf("block of %d bytes at %d, want %d at %d", b.Length, b.Offset, min(block, size-at), at)
		}
		at += b.Length
	}
	if from < to && at < to || from >= to && len(list) > 0 || at-to >= block {
		return fmt.Errorf("%d blocks up to %d cover [%d, %d) of %d bytes", len(list), at, from, to, size)
	}
	return nil
}

// cut is what options leave of a whole listing, whose lines end with a size.
func cut(all []string, o *cachefs.ListOptions) (list []string) {
	parts := func(p string) []string { return strings.Split(p, "/") }
	for _, line := range all {
		rel := line[:strings.LastIndexByte(line, ' ')]
		if o.StartAfter != "" && slices.Compare(parts(rel), parts(o.StartAfter)) <= 0 || !strings.HasPrefix(rel, o.Prefix) {
			continue
		}
		if list = append(list, line); len(list) == o.Limit {
			break
		}
	}
	return list
}
