// Package httpufs is the under store of what a web server shows: read only, with the standard library alone. Importing
// it registers the schemes "http" and "https": https://host/dir/.
//
// # Model
//
// A key is a path below the URL's. A file is what answers with its length and a version; a directory is what redirects to
// itself with a '/' at the end, as Apache, nginx, Go's http.FileServer and Python's http.server do.
//
// Directories are listed from the HTML page that those servers make of them: its links to names right below are the
// entries, those with a '/' at the end directories. Whether the server makes such pages is found out once, when the store
// is opened, by asking for the place itself: if not, Caps.NoList is set, and Stat and Open are all there is. Left out of a
// listing, and counted in driver.Page.Skipped, are names that no key can have and files that may not be read. A page that
// is not an index (somebody's index.html, a 403) makes the listing of that directory driver.ErrUnsupported or
// driver.ErrPermission: it says nothing about what is there.
//
// # Versions
//
// A strong ETag, with its quotes; else length and Last-Modified ("1530-1763977200"), to which "-0" is added while that is
// younger than 2 s by the server's clock: what is written twice in one second looks alike, so what was seen young is read
// again when it is not. A file with neither is driver.ErrUnsupported.
//
// # Requests
//
//	Open of the store       1 GET
//	Stat                    1 HEAD; of the place itself 1 HEAD, or none without listings
//	Open                    1 GET; of no bytes 1 HEAD; at the end of the file or beyond 1 GET, 1 HEAD
//	List                    1 GET of the index for a listing, 1 HEAD for each file of the page, 8 at a time; 1 HEAD more if
//	                        the directory is missing; recursive the same for each directory
//
// and one for each redirect, of which at most ten are followed, to the same host and never from https to http: no header
// goes to another server. The indexes of listings that are not at their end are kept, 16 of them.
//
// A read asks for its range, for the bytes as they are (Accept-Encoding: identity), and with its version for If-Match or
// If-Unmodified-Since. The answer's own headers are compared in any case, so that a server that knows no conditions cannot
// mix versions. One that knows no ranges sends the whole file: what comes before the range is read and dropped, up to
// Options.MaxSkip.
//
// # Guarantees
//
// Bytes are those of the range and version asked for or the read fails: a Content-Range that is another one, a body that is
// encoded or shorter than it says, are errors.
//
// # Errors
//
//	404, 410                driver.ErrNotExist
//	401, 403, 407           driver.ErrPermission
//	412                     driver.ErrChanged
//	400, 414                driver.ErrInvalid
//	429, 503 Retry-After    *driver.Retryable
//	408, 425, 5xx           as they are: something that may pass
//	others                  driver.ErrUnsupported
//
// Changes are driver.ErrReadOnly.
//
// # Credentials
//
// None in the URL. Options.Client may carry them, in its Transport or Jar, and Options.Header.
//
// # Concurrency
//
// That of driver.Store.
package httpufs
