package azufs

import (
	"context"
	"crypto/md5"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// bucket is a container.
type bucket struct {
	c     *container.Client
	real  bool // directories are real ones: the account has a hierarchical namespace
	parts *objects.Parts
	idle  func() // ends the connections that are ours
}

// lookAtAccount finds out whether directories are real. Who may not ask has an account of flat containers to us; what
// is a directory in listings is seen in any case.
func (b *bucket) lookAtAccount(ctx context.Context) error {
	info, err := b.c.GetAccountInfo(ctx, nil)
	if _, answered := errors.AsType[*azcore.ResponseError](err); answered {
		return nil
	}
	b.real = err == nil && deref(info.IsHierarchicalNamespaceEnabled)
	return read(err)
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func (b *bucket) Features() objects.Features {
	return objects.Features{IfAbsent: true, IfVersion: true, ReplaceVersion: true, DeleteVersion: true, Copy: true, PageSize: mostListed}
}

func (b *bucket) Close() error {
	b.parts.Close()
	b.idle()
	return nil
}

func (b *bucket) Head(ctx context.Context, name string) (objects.Object, error) {
	at, err := b.blob(name)
	if err != nil {
		return objects.Object{}, err
	}
	p, err := b.c.NewBlobClient(at).GetProperties(ctx, nil)
	if err != nil {
		return objects.Object{}, read(err)
	}
	if isFolder(p.Metadata, nil) && !strings.HasSuffix(name, "/") {
		return objects.Object{}, driver.ErrNotExist
	}
	return objects.Object{Name: name, Size: deref(p.ContentLength), ModTime: deref(p.LastModified), Version: version(p.ETag)}, nil
}

// version is an ETag without its quotes, which listings leave out.
func version(tag *azcore.ETag) string { return strings.Trim(string(deref(tag)), `"`) }

func etag(version string) *azcore.ETag { return new(azcore.ETag(`"` + version + `"`)) }

func (b *bucket) Get(ctx context.Context, name string, off, n int64, want string) (io.ReadCloser, objects.Object, error) {
	at, err := b.blob(name)
	if err != nil {
		return nil, objects.Object{}, err
	}
	o := &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: off, Count: max(n, 0)}}
	if n > 0 && n <= mostSummed {
		o.RangeGetContentMD5 = new(true)
	}
	if want != "" {
		o.AccessConditions = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: etag(want)}}
	}
	r, err := b.c.NewBlobClient(at).DownloadStream(ctx, o)
	if err = read(err); err == nil && isFolder(r.Metadata, nil) {
		r.Body.Close()
		err = driver.ErrNotExist
	}
	if want != "" && errors.Is(err, driver.ErrNotExist) {
		err = driver.ErrChanged
	}
	if err != nil {
		return nil, objects.Object{}, err
	}
	size := deref(r.ContentLength)
	if r.ContentRange != nil {
		if size, err = total(*r.ContentRange); err != nil {
			r.Body.Close()
			return nil, objects.Object{}, err
		}
	}
	return r.Body, objects.Object{Name: name, Size: size, ModTime: deref(r.LastModified), Version: version(r.ETag), Sum: sum(r, off == 0 && n >= size)}, nil
}

// mostSummed is the longest range, in bytes, of which Azure makes an MD5; it refuses who asks for one of more.
const mostSummed = 4 << 20

// sum is the MD5 in an answer, and nil if it has none. The blob's own was said by its writer, or made of what he sent whole; one that was put
// together of blocks has none, and that of the range, where we asked for it, is made of what Azure has.
func sum(r blob.DownloadStreamResponse, whole bool) *objects.Sum {
	want, ofRange := r.BlobContentMD5, r.ContentRange != nil && !(whole && len(r.BlobContentMD5) > 0)
	if ofRange || want == nil {
		want = r.ContentMD5
	}
	if len(want) != md5.Size {
		return nil
	}
	return &objects.Sum{Hash: md5.New(), Want: want, Range: ofRange}
}

// total is the size in a Content-Range: "bytes 0-8/1530".
func total(contentRange string) (int64, error) {
	_, s, _ := strings.Cut(contentRange, "/")
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, errors.New("azure answered a range without the size: " + strconv.Quote(contentRange))
	}
	return n, nil
}

func (b *bucket) Delete(ctx context.Context, name string) error {
	at, err := b.blob(name)
	if err != nil {
		return err
	}
	_, err = b.c.NewBlobClient(at).Delete(ctx, nil)
	return changed(ctx, err)
}

// DeleteVersion deletes a blob if it has that ETag.
func (b *bucket) DeleteVersion(ctx context.Context, name, version string) error {
	at, err := b.blob(name)
	if err != nil {
		return err
	}
	_, err = b.c.NewBlobClient(at).Delete(ctx, &blob.DeleteOptions{AccessConditions: &blob.AccessConditions{
		ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: etag(version)},
	}})
	return changed(ctx, err)
}

// isFolder says whether a blob is a directory: one of a hierarchical namespace, or the marker that Hadoop's drivers write
// in a flat one. A listing may say so itself; metadata have it in any case of letters.
func isFolder(metadata map[string]*string, resource *string) bool {
	if strings.EqualFold(deref(resource), "directory") {
		return true
	}
	for k, v := range metadata {
		if strings.EqualFold(k, folderKey) && strings.EqualFold(deref(v), "true") {
			return true
		}
	}
	return false
}

const folderKey = "hdi_isfolder"
