// Package s3ufs is the under store of an S3 bucket: AWS's, or that of a store with the same API.
//
// # URL
//
//	s3://BUCKET/PREFIX?region=&endpoint=&path_style=&profile=&anonymous=&requester_pays=&sse=
//
//	region          default: the environment's or the profile's, else us-east-1
//	endpoint        http(s) URL of a store that is not AWS, without user and options
//	path_style      the bucket in the path; true by itself where the endpoint is an IP address or localhost
//	profile         of the SDK's shared configuration (~/.aws)
//	anonymous       requests are not signed
//	requester_pays  we pay for the requests
//	sse             encryption of what we write: AES256, aws:kms, aws:kms:KEY
//
// Credentials are never in a URL. They come from the SDK's chain (environment, profile, container, instance), or from
// Options.Credentials, and are fetched anew when they have expired or the store says so.
//
// # Model
//
// Directories are package objects'. A version is an ETag: it is what listings tell, too, and what If-Match compares. An
// object in a bucket with versions has another ETag when its content is another; the ids of its versions, which listings
// do not tell, take no part. Bodies of whole objects are checked against the store's CRC32C, CRC32 or CRC64NVME where it
// has one (not that of parts), what we send has a CRC32C. A version that is to be replaced is If-Match, too: where others
// wrote something else meanwhile and then the same bytes again, it holds. What a gateway tells no ETag of (versitygw, of files that were put into
// its directory past it) has length and time for a version, to the second: conditions are looked at by us then, before or after.
//
// # Stores like S3
//
// What a store refuses as unknown (NotImplemented, InvalidRequest, InvalidArgument) is done without, and never tried
// there again once that worked: PUT with If-None-Match or If-Match (then IfAbsent and IfVersion look first, and two writers
// may both find what they want), DELETE with If-Match (of what was looked at before; stores that ignore it delete what is there), DeleteObjects (then a DELETE each), x-amz-checksum headers and the sums in a list of parts. A store that ends
// the answer to a HEAD where HTTP does not (a 404 that is chunked, and not
// Amazon's) gets each HEAD on a connection of its own from then on. Swift's s3api, which its answers show, may answer 404 while an object is
// being replaced: it is asked once more before that is believed.
//
// # Requests
//
//	Head                     1 HEAD
//	List                     1 GET (ListObjectsV2) for each 1,000 names and prefixes
//	Get                      1 GET
//	Put up to PartSize       1 PUT
//	Put above it             1 POST, 1 PUT for each part, 1 POST; Abort: 1 DELETE, 2 if it cut the request of a part
//	Delete                   1 DELETE
//	DeleteBatch              1 POST for up to 1,000 names
//	Copy up to 5 GiB         1 HEAD, 1 PUT
//	Copy above it            1 HEAD, 1 POST, 1 PUT for each 512 MiB, 1 POST; where it fails 1 DELETE, 2 if that cut the request of a part
//	Swift finds no object    the HEAD, GET or copy once more
//
// Part sizes grow, so that 10,000 of them hold 5 TiB; the bytes of parts in flight are bounded by Options.InFlight. The
// beginning of an upload, its parts, and those of a copy are asked for again by themselves; other requests are retried by package ufs alone, the SDK's retries are off. A request
// that the store refused for expired credentials is made once more with new ones.
//
// # What may stay
//
// An upload by parts that is aborted, or fails, drops its parts. Those of a process that dies, or closes the store while it is silent, stay, unseen and paid for, and so does, without a part, an
// upload whose beginning was answered and the answer lost: it is begun again, for the store has no way to tell one from that of another writer. A rule of the
// bucket ends both: AbortIncompleteMultipartUpload, after more days than an upload takes.
//
// # Errors
//
//	NoSuchKey, NoSuchUpload, 404                 driver.ErrNotExist
//	NoSuchBucket                                 driver.ErrInvalid: a bucket that is gone is not files that are gone
//	another region (301, ...)                    driver.ErrInvalid, with the region
//	AccessDenied, bad keys or signature, 403     driver.ErrPermission
//	RequestTimeTooSkewed                         ErrClock
//	412 to a read, a deletion, a copy's source   driver.ErrChanged
//	412 to a write                               driver.ErrExist; where it was to replace a version, also a 404, driver.ErrChanged
//	416                                          objects.ErrRange
//	SlowDown, 429, 500, 502, 503, 504            driver.Retryable, after Retry-After
//	NotImplemented, MethodNotAllowed             driver.ErrUnsupported
//	bytes that differ from the store's checksum  driver.ErrChecksum; ReadAt, Fetch and cachefs ask again
//
// A PUT, copy or completion whose answer was lost or was a 500, 502 or 504 is driver.Unknown. What the SDK reports is
// kept in the text: it has the store's request id, and no credentials.
//
// # Concurrency
//
// That of driver.Store.
package s3ufs
