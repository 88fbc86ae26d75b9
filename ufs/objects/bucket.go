package objects

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrRange says that an object ends before the bytes that were asked for.
var ErrRange = errors.New("range beyond the end of the object")

// Bucket is a flat store of objects: what S3, GCS, Azure Blob and Swift have in common. Names are whole (the place's
// prefix is ours to add). Errors are those of package driver. All methods may be called at the same time.
type Bucket interface {
	Features() Features

	// Head describes an object: ErrNotExist.
	Head(ctx context.Context, name string) (Object, error)

	// List answers one page of names with a prefix, in the store's order of names.
	List(ctx context.Context, q Query) (Answer, error)

	// Get reads n bytes from off (n < 0: to the end; n is never 0), fewer where the object ends; ErrRange if it ends at
	// off or before, but off 0 and n < 0 read an empty one. A version that is not "" is a condition: ErrChanged if the
	// object has another or is gone since.
	Get(ctx context.Context, name string, off, n int64, version string) (io.ReadCloser, Object, error)

	// Put begins an object that shows, whole, at Commit.
	Put(ctx context.Context, name string, o PutOptions) (Upload, error)

	// Delete removes an object; one that is missing is no error where the store does not say.
	Delete(ctx context.Context, name string) error

	Close() error
}

// Features says what a bucket can do.
type Features struct {
	IfAbsent       bool // Put can refuse what exists, atomically
	IfVersion      bool // Get honours a version
	ReplaceVersion bool // Put can refuse to replace anything but a version, atomically
	DeleteVersion  bool // a VersionDeleter that keeps its promise
	EventualList   bool // List may lack for a while what was just written
	Copy           bool // a Copier
	BatchDelete    int  // names a request; 0: no BatchDeleter
	PageSize       int  // most names of a List page
}

// Object is an object's description.
type Object struct {
	Name    string
	Size    int64
	ModTime time.Time
	Version string // ETag, generation: equal ones of one name have equal bytes
	Sum     *Sum   // from Get: the checksum of the whole object, whatever the range, or of that; nil if the store tells none
}

// Query selects one page.
type Query struct {
	Prefix     string // names begin with it
	Delimiter  string // "/" or "": what lies beyond the first one after Prefix is told as a common prefix
	StartAfter string // names after it only
	Token      string // of the page before
	Limit      int    // most entries, prefixes counted; 0: the store's page
}

// Answer is one page.
type Answer struct {
	Objects  []Object
	Prefixes []string // whole, with the delimiter at the end
	Token    string   // for the next page; "" after the last
}

// PutOptions are the options of Put.
type PutOptions struct {
	IfAbsent  bool
	IfVersion string // ErrChanged unless the object has it at Commit; "" for no condition
	Size      int64  // a hint; 0: unknown
}

// Upload is an object on its way, used by one goroutine. Write keeps no reference to p. It may be a driver.Lender.
type Upload interface {
	io.Writer
	Commit(ctx context.Context) (Object, error)
	Abort(ctx context.Context) error
}

// Optional abilities.
type (
	// Copier copies within the bucket, whatever the size. A version that is not "" is a condition on from.
	Copier interface {
		Copy(ctx context.Context, from, to, version string) (Object, error)
	}
	// VersionDeleter is that of package driver, for names; of an object that is missing ErrNotExist or ErrChanged. Without the
	// feature it does what it can: stores that are like another one may ignore the condition.
	VersionDeleter interface {
		DeleteVersion(ctx context.Context, name, version string) error
	}
	// BatchDeleter is that of package driver, for names.
	BatchDeleter interface {
		DeleteBatch(ctx context.Context, names []string) (failed map[string]error, err error)
	}
)
