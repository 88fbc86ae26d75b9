// Package gcsufs is the under store of a bucket of Google Cloud Storage, by Google's SDK. Import it for its scheme, or use
// [Open].
//
// # URL
//
//	gs://bucket/prefix?anonymous=true&reads=xml&user_project=ID&endpoint=URL
//
//	anonymous     requests are not signed, for public buckets and emulators. Default: false
//	reads         json, or xml: plain HTTP of the XML API. Default: json
//	user_project  the project that pays for requests. Default: the bucket's
//	endpoint      another host: a private one of Google's, an emulator; http only with anonymous. Default: Google's
//
// Other options are refused, and so is what looks like a secret.
//
// # Credentials
//
// The first of: Options.Client, which signs its own requests; Options.Credentials; the application default credentials:
// GOOGLE_APPLICATION_CREDENTIALS, the login of gcloud, the service account of the machine. Tokens are refreshed by the SDK.
// None of them gets into an identity, a log or an error.
//
// # Model
//
// Directories are those of package objects. A name's version is its generation, which each write changes; reads,
// deletions, and copies of a version, have it as their condition, in the request. A conditional create, or replacement of a version, is a
// condition of the request that publishes; of a resumable upload it is said when that begins. In a bucket that keeps old generations the newest alone is read.
//
// What fits one part is one request, with its CRC32C, which Google compares. Else a resumable upload sends one part after
// the other, each again and again for up to a minute, and publishes with the last. Whole reads are compared with their CRC32C; ranges have
// none. Objects that are stored as gzip are read as they are stored.
//
// # Requests
//
// Those of package objects, with:
//
//	opening the place     none; the first call asks for a token
//	List                  a page has up to 1,000 names
//	a resumable upload    1 to begin, 1 for each part
//	Copy                  1; more for a copy between places or classes of storage, as Google asks
//
// The SDK repeats nothing but parts: package ufs does.
//
// # Errors
//
//	404                                    ErrNotExist; with a version as condition ErrChanged; of a bucket, and of any upload, ErrInvalid
//	412                                    ErrChanged; of a conditional create ErrExist
//	401, 403, a token that was refused     ErrPermission; it says so if this machine's clock is 5 minutes off
//	400                                    ErrInvalid
//	429, 503, 403 rateLimitExceeded        *driver.Retryable, with Retry-After
//	5xx or no answer to a change           *driver.Unknown
//	else                                   an error with the status and Google's reason
//
// # Limits and guarantees
//
// Strongly consistent, listings too. Objects up to 5 TiB. No rename: a copy and a delete. One name takes about a write a
// second; more are throttled. An aborted resumable upload leaves nothing that shows or is paid for; Google forgets its
// session after a week. Folders of hierarchical buckets that hold nothing are not seen.
//
// # Concurrency
//
// That of package ufs. A store holds no goroutine but those of its uploads, and its connections until Close.
package gcsufs
