// Package driver is what somebody who brings a store implements. Users meet package ufs, which puts retries, limits, a
// circuit breaker and counters around it, once for all drivers.
//
// # Keys
//
// A key is relative to the place that was opened, its components separated by '/', without a leading or trailing one;
// "" is that place itself. A key names a file or a directory, never both. What a store holds beside that (an object
// "a" beside "a/b", names with empty, "." or ".." components) a driver leaves out by a rule that it writes down, and
// counts in [Page].Skipped.
//
// # Errors
//
// A driver answers with the conditions of errors.go, wrapped as it likes. Whatever it cannot name (a reset connection,
// a 503) it hands up as it is: ufs holds it for something that may pass, and asks again where asking again is safe.
//
// # Concurrency
//
// All methods of a Store may be called at the same time; those of one Writer or body by one goroutine. Each call ends
// soon after its context.
package driver

import (
	"context"
	"hash"
	"io"
	"io/fs"
	"net/url"
	"time"
)

// Caps says what a store can do; nothing above asks which store it is.
type Caps struct {
	Rename         bool // a Renamer that moves a file in one step
	RenameDir      bool // which moves a directory, too, in one step
	AtomicReplace  bool // a Commit, and a Renamer, replaces what was there in one step
	Copy           bool // a Copier: bytes do not pass through us
	Directories    bool // real ones: a parent must exist, an empty one lives, without a marker
	IfAbsent       bool // Create can refuse what exists, atomically
	IfVersion      bool // Open reads a version or fails, atomically; else ufs looks before and after
	ReplaceVersion bool // Create can refuse to replace anything but a version, atomically
	Mode, Owner    bool // a Moder, an Owner
	Links          bool // symbolic links
	ReadOnly       bool // no Create, Delete, Rename, Mkdir
	NoList         bool // List is ErrUnsupported
	EventualList   bool // List may lack for a while what was just written, or have what was before it; Stat and Open find it
	DeleteVersion  bool // a VersionDeleter
	BatchDelete    int  // keys that DeleteBatch takes in one request; 0: it is not there
	PageSize       int  // most entries of a List page
}

// Attr describes a key.
type Attr struct {
	Key     string // whole, as asked for with Stat
	Dir     bool
	Size    int64 // bytes
	ModTime time.Time
	Version string // of the content: equal versions of one key have equal bytes; "" for directories
	Was     string // another version that these bytes are known to have had; "" for none
	Mode    fs.FileMode
	Owner   string // name or decimal id; "" where the store has none
	Group   string
	Link    string // where a symbolic link points; the rest describes what is there
}

// Is reports whether the file's bytes are those of version.
func (a Attr) Is(version string) bool {
	return version != "" && (version == a.Version || version == a.Was)
}

// ListOptions selects one page of a listing.
type ListOptions struct {
	Prefix     string // the directory
	Recursive  bool   // what lies deeper, too; directories are listed where the store has real ones
	StartAfter string // a key: only what comes after it, in the store's order
	Token      string // that of the page before
	Limit      int    // most entries; 0: the store's page
}

// Page is one answer of List, in the store's order: the one that its Token and StartAfter go on from.
type Page struct {
	Entries []Attr
	Token   string // for the next page; "" after the last
	Skipped int    // names left out by the driver's rule
}

// CreateOptions are the options of Create.
type CreateOptions struct {
	IfAbsent  bool   // Commit is ErrExist if the key exists then
	IfVersion string // not "": Commit is ErrChanged unless the key has that version then; with Caps.ReplaceVersion, and without IfAbsent
	Parents   bool   // make missing directories
	Mode      fs.FileMode
	Size      int64 // bytes that will come, a hint; 0: unknown
}

// Summed is what Open may answer with where the store tells a checksum of all that the body brings: package ufs compares,
// and knows then that no byte is to be believed before the last one. Sum returns a hash that has seen nothing, and what it is
// to be when it has seen all.
type Summed interface {
	io.ReadCloser
	Sum() (h hash.Hash, want []byte)
}

// Store is what a driver implements.
type Store interface {
	Caps() Caps

	// Stat describes a key: ErrNotExist.
	Stat(ctx context.Context, key string) (Attr, error)

	// List answers a page: ErrNotExist for a missing directory, ErrNotDir for a file.
	List(ctx context.Context, o ListOptions) (Page, error)

	// Open reads n bytes from off, or all with n < 0; less where the file ends, nothing beyond. A version that is not
	// "" is a condition: ErrChanged if the file has another. The Attr is that of the file read; its Version is the one
	// asked for. The body may be a Summed.
	Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, Attr, error)

	// Create begins a file that shows, whole, at Commit. ctx ends the writes as well.
	Create(ctx context.Context, key string, o CreateOptions) (Writer, error)

	// Delete removes a file or an empty directory: ErrNotExist, ErrNotEmpty.
	Delete(ctx context.Context, key string) error

	Close() error
}

// Writer is a file on its way. Write may send parts behind the caller's back; it keeps no reference to p.
type Writer interface {
	io.Writer
	// Commit publishes. After an error it is either not published, or the error is *Unknown. It is called again only if
	// the error was *Retryable; after any other Abort alone may follow.
	Commit(ctx context.Context) (Attr, error)
	// Abort leaves nothing. After a Commit it does nothing.
	Abort(ctx context.Context) error
}

// Lender is a Writer that can send bytes from where they lie. WriteLent is Write of p, which stays as it is until done is called:
// once, before Commit or Abort has returned, whatever came of the call.
type Lender interface {
	WriteLent(p []byte, done func()) (int, error)
}

// Optional abilities. A Store that has one says so in Caps. An Attr that they answer with describes the file after the
// change. Was is never "" in it where the store can say by which version the same bytes went before: that is Version
// or Was.
type (
	// Renamer moves a file, and with Caps.RenameDir a directory: ErrExist unless overwrite, ErrNotExist, ErrNotEmpty.
	Renamer interface {
		Rename(ctx context.Context, from, to string, overwrite bool) (Attr, error)
	}
	// Copier copies a file over whatever is there. A version that is not "" is a condition on from.
	Copier interface {
		Copy(ctx context.Context, from, to, version string) (Attr, error)
	}
	// BatchDeleter deletes up to Caps.BatchDelete files in one request; the map has those that failed, nil for none. A
	// missing key is no failure.
	BatchDeleter interface {
		DeleteBatch(ctx context.Context, keys []string) (failed map[string]error, err error)
	}
	// VersionDeleter deletes a file if it has that version, atomically: ErrNotExist, ErrChanged.
	VersionDeleter interface {
		DeleteVersion(ctx context.Context, key, version string) error
	}
	// Mkdirer makes a directory: ErrExist, unless parents and it is one.
	Mkdirer interface {
		Mkdir(ctx context.Context, key string, parents bool, mode fs.FileMode) error
	}
	// Moder sets permission bits.
	Moder interface {
		SetMode(ctx context.Context, key string, mode fs.FileMode) (Attr, error)
	}
	// Owner sets owner and group; "" leaves one.
	Owner interface {
		SetOwner(ctx context.Context, key, owner, group string) (Attr, error)
	}
	// Local says in which directory of this machine the place lies: absolute, in the system's form. It stands in no Caps.
	Local interface {
		LocalDir() string
	}
)

// Opener opens the place that a URL names. The id is that place's lasting name, the same on every machine and without
// credentials, and however the URL is spelled: it goes into the names of cached blocks. Two places of one store have ids
// where one is a prefix of the other, up to a '/', if and only if one holds the other. A store with several addresses may
// have them all in its id, HOST:PORT,HOST:PORT: it is the store of each. See Endpoint and Overlap.
type Opener func(ctx context.Context, u *url.URL) (s Store, id string, err error)

// Parser takes the URL of a place apart and opens nothing: no file, no connection, no credentials. Its error is ErrInvalid
// and says what is wrong with the URL whatever the store and the environment are; what depends on them is for Place.Open.
type Parser func(u *url.URL) (Place, error)

// Place is what a URL names, before it is opened.
type Place struct {
	Open func(ctx context.Context) (s Store, id string, err error) // as an Opener
	Dir  string                                                    // the directory of this machine that it is, as Local says of the open one; "" for none
}
