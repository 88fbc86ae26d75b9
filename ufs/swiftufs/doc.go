// Package swiftufs is the under store of a container of OpenStack Swift. Import it for its scheme, or use [Open].
//
// # URL
//
//	swift://container/prefix
//
// It has no options: how and where to log in is named by the environment or by the program, and an option that looks like
// a secret is refused with that advice.
//
// # Credentials
//
// Options.Connect, or the variables that OpenStack's own tools read: ST_AUTH, ST_USER and ST_KEY for version 1; OS_AUTH_URL,
// OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME, the OS_APPLICATION_CREDENTIAL_ and others for version 3; OS_STORAGE_URL with
// OS_AUTH_TOKEN. A token that has expired is renewed by a new login. None of them gets into an identity, a log or an error.
//
// # Model
//
// Directories are those of package objects. A name's version is its ETag, an MD5: equal bytes may be one version. Reads
// have it as their condition. What fits one segment is one object, whose MD5 Swift compares. Else segments go up in parallel
// into the container CONTAINER_segments, below NAME/millpond/ and a random name, and a manifest publishes them in one step: a
// static large object. An upload that is aborted deletes its segments; an overwrite and a delete those of the object that
// went. A whole object that is read, if it is not one of segments, is compared with its MD5. Dynamic large objects of others are read; their segments are left alone.
//
// # Requests
//
// Those of package objects, with:
//
//	opening the place      the login
//	what is not found      the HEAD or GET once more, but for Create's look: Swift may miss an object that is being replaced
//	List                   a page has up to 10,000 names; fewer, found out by a 412 or two, where container_listing_limit is less
//	Create                 1 HEAD more; over a static large object 1 GET, and 1 DELETE for each of its segments
//	  by segments          1 PUT for their container, 1 for each, 1 for the manifest, 2 HEAD; to abort 1 DELETE for each, 2 if it cut the request of one
//	Delete                 1 HEAD more; of a static large object 1 GET, and 1 DELETE for each segment
//
// The library repeats a request after a new login, and reads once after a network error; package ufs does the rest.
//
// # Errors
//
//	404, twice                 ErrNotExist; with a version as condition ErrChanged; of a container that is listed or written to ErrInvalid
//	412                        ErrChanged; of a create ErrExist
//	401, 403                   ErrPermission
//	400                        ErrInvalid
//	429, 498, 503 to a read    *driver.Retryable
//	202 to a PUT               *driver.Retryable: Swift keeps what is there, for it is newer by its servers' clocks
//	5xx or no answer to a change  *driver.Unknown: some of Swift's servers may have done it
//	else                       an error with the status
//
// # Limits and guarantees
//
// Listings are eventual: what was just written may be missing for seconds, or show as it was before, and what was deleted may show. Stat and
// Open ask for the object itself and find it at once; cachefs asks so for what is new to it and a listing lacks or has otherwise (Caps.EventualList).
// A conditional create asks Swift's servers not to overwrite, each of which looks before it writes: two at one time may both
// succeed, so it is no capability. No copies, and no rename but by them. A manifest has at most 1,000 segments by Swift's
// default: 64 GiB with the default PartSize, more as later ones grow.
//
// # Concurrency
//
// That of package ufs. A store holds no goroutine but those of its uploads, and its connections until Close.
package swiftufs
