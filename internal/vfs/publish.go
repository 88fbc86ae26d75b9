package vfs

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// asideSuffix marks a file that is being written by WriteFile. A crash may leave one; the next WriteFile replaces it.
const asideSuffix = ".tmp"

// WriteFile publishes data under name: after a crash at any instant name holds its old content or the new, whole, and
// after WriteFile returned nil the new. It writes name+".tmp", syncs it, renames it to name and syncs the directory.
// One writer for each name at a time.
func WriteFile(fsys FS, name string, data []byte, perm fs.FileMode) error {
	aside := name + asideSuffix
	if err := writeAside(fsys, aside, data, perm); err != nil {
		_ = fsys.Remove(aside)
		return err
	}
	if err := fsys.Rename(aside, name); err != nil {
		_ = fsys.Remove(aside)
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

func writeAside(fsys FS, aside string, data []byte, perm fs.FileMode) error {
	f, err := fsys.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// ReadFile returns the content of name.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
