// Package azufs is the under store of a container of Azure Blob Storage, by Microsoft's SDK. Import it for its scheme, or
// use [Open].
//
// # URL
//
//	azblob://container/prefix?account=NAME&endpoint=URL&anonymous=true
//
//	account    the storage account. Default: AZURE_STORAGE_ACCOUNT
//	endpoint   the account's URL, for other clouds, private links and azurite. Default: https://ACCOUNT.blob.core.windows.net
//	anonymous  no credentials, for public containers. Default: false
//
// Other options are refused, and so is what looks like a secret.
//
// # Credentials
//
// The first of: Options.Credential; Options.Key; AZURE_STORAGE_CONNECTION_STRING, where the URL names no account;
// AZURE_STORAGE_KEY; AZURE_STORAGE_SAS_TOKEN; and what azidentity finds: a service principal in the environment, workload
// identity, managed identity, a developer's login. Tokens are refreshed by the SDK. None of them gets into an identity, a
// log or an error.
//
// # Model
//
// Directories are those of package objects. A name's version is its ETag, which each write changes; reads and
// deletions have it as their condition, in the request. A conditional create, or replacement of a version, is a condition of the request that
// publishes.
//
// What fits one block is sent whole. Else blocks go up in parallel and a list of them publishes, in one step. Each request
// carries the MD5 of its bytes, which Azure compares. A whole blob that is read is compared with its MD5, if it has one: of
// what was sent whole Azure makes it, of blocks not. A range of up to 4 MiB is compared with the MD5 that Azure makes of it
// when asked; of a longer one it makes none. Azure keeps uncommitted blocks by name, not by upload: of two
// uploads of several blocks to one name at one time, the first to commit wins, and the other fails. An upload that is
// aborted deletes its blocks; where an older file has the name they stay, unseen, until that is written or for a week.
//
// A hierarchical namespace (Data Lake Storage Gen2) is recognised by the account's description: there a marker is
// the directory itself, and an account's rule that a directory with content is not deleted is ErrNotEmpty. Where the
// credentials may not ask, the account counts as flat. Directories, and the markers hdi_isfolder of Hadoop's drivers, are
// listed as directories in any case, but for one that may be listed twice where a page ends between "dir" and "dir/".
//
// A "\" in a key is stored as the wide backslash U+FF3C, since Azure makes "/" of it; a key that has the wide one is
// ErrInvalid. Azure advises against components that end in a dot.
//
// # Requests
//
// Those of package objects, with:
//
//	opening the place    1 account information
//	List                 a page has up to 5,000 names; StartAfter reads the pages before it, too
//	an upload by blocks  1 for each block, 1 to commit; to abort it 1 HEAD, 1 DELETE; twice if it cut the request of a block
//	Copy                 1, 1 HEAD; a copy that takes longer is asked after five times a second
//
// The SDK repeats nothing: package ufs does. Blocks are repeated by package objects.
//
// # Errors
//
//	BlobNotFound, other 404                      ErrNotExist; with a version as condition ErrChanged
//	ContainerNotFound                            ErrInvalid: its files were not deleted
//	BlobAlreadyExists, a create's condition      ErrExist
//	ConditionNotMet, SourceConditionNotMet       ErrChanged; so is a BlobNotFound where a version was to be replaced
//	401, 403, BlobImmutableDueToPolicy           ErrPermission; it says so if this machine's clock is 15 minutes off
//	InvalidResourceName, InvalidURI              ErrInvalid
//	429, 503                                     *driver.Retryable, with Retry-After
//	5xx or no answer to a change                 *driver.Unknown
//	else                                         an error with the status and Azure's code
//
// # Limits and guarantees
//
// Strongly consistent. A file has at most 10,000 blocks here, which grow, so that 5 TiB fit. No rename: a copy and a
// delete. A copy that takes Azure longer than its answer shows as a file of its full size that cannot be read to its end
// until it is done; Azure does so between tiers, hardly within one.
//
// # Concurrency
//
// That of package ufs. A store holds no goroutine but those of its uploads, and its connections until Close.
package azufs
