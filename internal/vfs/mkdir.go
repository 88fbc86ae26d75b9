package vfs

import (
	"io/fs"
	"path/filepath"
)

// MkdirAll makes name and what is missing above it, durably: it syncs each directory that got a new name. What is written
// below a directory whose own name is not durable is lost with it.
func MkdirAll(fsys FS, name string, perm fs.FileMode) error {
	var grew []string
	for dir := filepath.Clean(name); ; {
		if _, err := fsys.Stat(dir); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		grew = append(grew, parent)
		dir = parent
	}
	if err := fsys.MkdirAll(name, perm); err != nil {
		return err
	}
	for _, dir := range grew {
		if err := fsys.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}
