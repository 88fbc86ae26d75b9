package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"time"
)

// Conditions of a store. Where io/fs has one it is the same value.
var (
	ErrNotExist    = fs.ErrNotExist
	ErrExist       = fs.ErrExist
	ErrPermission  = fs.ErrPermission
	ErrInvalid     = fs.ErrInvalid
	ErrNotDir      = errors.New("not a directory")
	ErrIsDir       = errors.New("is a directory")
	ErrNotEmpty    = errors.New("directory not empty")
	ErrChanged     = errors.New("changed in the under store")
	ErrUnsupported = errors.New("not supported by the under store")
	ErrReadOnly    = errors.New("read-only")
)

// Caps says what a store can do; nothing above asks which store it is.
type Caps struct {
	Rename, RenameDir, AtomicReplace bool
	Copy                             bool
	Directories                      bool
	IfAbsent, IfVersion              bool
	Mode, Owner                      bool
	BatchDelete, PageSize            int
	Links, ReadOnly, NoList          bool
}

// Attr describes a key.
type Attr struct {
	Key     string
	Dir     bool
	Size    int64
	ModTime time.Time
	Version string
	Mode    fs.FileMode
	Owner   string
	Group   string
	Link    string
}

// ListOptions selects one page of a listing.
type ListOptions struct {
	Prefix     string
	Recursive  bool
	StartAfter string
	Token      string
	Limit      int
}

// Page is one answer of List.
type Page struct {
	Entries []Attr
	Token   string
	Skipped int
}

// CreateOptions are the options of Create.
type CreateOptions struct {
	IfAbsent bool
	Parents  bool
	Mode     fs.FileMode
	Size     int64
}

// Store is what a driver implements.
type Store interface {
	Caps() Caps
	Stat(ctx context.Context, key string) (Attr, error)
	List(ctx context.Context, o ListOptions) (Page, error)
	Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, Attr, error)
	Create(ctx context.Context, key string, o CreateOptions) (Writer, error)
	Delete(ctx context.Context, key string) error
	Close() error
}

// Writer is a file on its way.
type Writer interface {
	io.Writer
	Commit(ctx context.Context) (Attr, error)
	Abort(ctx context.Context) error
}

// Optional abilities.
type (
	Renamer interface {
		Rename(ctx context.Context, from, to string, overwrite bool) (Attr, error)
	}
	Copier interface {
		Copy(ctx context.Context, from, to string) (Attr, error)
	}
	BatchDeleter interface {
		DeleteBatch(ctx context.Context, keys []string) map[string]error
	}
	Mkdirer interface {
		Mkdir(ctx context.Context, key string, parents bool, mode fs.FileMode) error
	}
	Moder interface {
		SetMode(ctx context.Context, key string, mode fs.FileMode) (Attr, error)
	}
	Owner interface {
		SetOwner(ctx context.Context, key, owner, group string) (Attr, error)
	}
)

// Opener opens the place that a URL names.
type Opener func(ctx context.Context, u *url.URL) (s Store, id string, err error)
