package azufs

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// Put sends what fits one block whole, else blocks and their list.
func (b *bucket) Put(ctx context.Context, name string, o objects.PutOptions) (objects.Upload, error) {
	at, err := b.blob(name)
	if err != nil {
		return nil, err
	}
	u := &blocks{c: b.c.NewBlockBlobClient(at), name: name, absent: o.IfAbsent, over: o.IfVersion}
	if b.real && strings.HasSuffix(name, "/") {
		u.metadata = map[string]*string{folderKey: new("true")}
	}
	return b.parts.Upload(ctx, u, o.Size), nil
}

// blocks is one upload. Uncommitted blocks belong to the name, not to the upload: whoever commits drops the others', and
// those then fail. So blocks of two uploads carry different ids, of the one length that Azure wants for a name.
type blocks struct {
	c        *blockblob.Client
	name     string
	absent   bool
	over     string // the version that it may replace; "" for any
	metadata map[string]*string
	id       [12]byte
	mu       struct {
		sync.Mutex
		sizes map[int]int64 // of the parts that arrived
	}
}

func (u *blocks) conditions() *blob.AccessConditions {
	switch {
	case u.absent:
		return absent()
	case u.over != "":
		return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: etag(u.over)}}
	}
	return nil
}

// absent is the condition that nothing has the name.
func absent() *blob.AccessConditions {
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}}
}

// body is content on its way and the checksum that the server compares: MD5, since azurite and old services know no CRC.
func body(content *objects.Body) (io.ReadSeekCloser, blob.TransferValidationType) {
	return streaming.NopCloser(content.Reader()), blob.TransferValidationTypeMD5(content.Sum(md5.New()))
}

func (u *blocks) Whole(ctx context.Context, content *objects.Body) (objects.Object, error) {
	b, sum := body(content)
	r, err := u.c.Upload(ctx, b, &blockblob.UploadOptions{AccessConditions: u.conditions(), Metadata: u.metadata, TransactionalValidation: sum})
	if err != nil {
		return objects.Object{}, u.published(ctx, err)
	}
	return objects.Object{Name: u.name, Size: content.Len(), ModTime: deref(r.LastModified), Version: version(r.ETag)}, nil
}

// published maps the error of a request that publishes. A condition that does not hold is that of absence, unless a version is to
// be replaced; that may be gone, too.
func (u *blocks) published(ctx context.Context, err error) error {
	if bloberror.HasCode(err, bloberror.InvalidBlockList) {
		err := errors.New("another upload of this name was committed or aborted meanwhile, and these blocks with it")
		if u.over != "" { // committed: one that is aborted leaves blocks alone where there is a file
			err = fmt.Errorf("%w: %w", driver.ErrChanged, err)
		}
		return err
	}
	err = changed(ctx, err)
	switch {
	case u.over != "" && errors.Is(err, driver.ErrNotExist):
		return fmt.Errorf("%w: it is gone", driver.ErrChanged)
	case u.over == "" && errors.Is(err, driver.ErrChanged):
		return fmt.Errorf("%w: it is there already", driver.ErrExist)
	}
	return err
}

// Begin makes no request: blocks need none.
func (u *blocks) Begin(context.Context) error {
	u.mu.sizes = map[int]int64{}
	_, err := rand.Read(u.id[:])
	return err
}

func (u *blocks) block(n int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%x-%05d", u.id, n))
}

func (u *blocks) Part(ctx context.Context, n int, content *objects.Body) error {
	b, sum := body(content)
	_, err := u.c.StageBlock(ctx, u.block(n), b, &blockblob.StageBlockOptions{TransactionalValidation: sum})
	if err != nil {
		return read(err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mu.sizes[n] = content.Len()
	return nil
}

func (u *blocks) Finish(ctx context.Context, parts int) (objects.Object, error) {
	ids := make([]string, parts)
	for i := range ids {
		ids[i] = u.block(i + 1)
	}
	r, err := u.c.CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{AccessConditions: u.conditions(), Metadata: u.metadata})
	if err != nil {
		return objects.Object{}, u.published(ctx, err)
	}
	o := objects.Object{Name: u.name, ModTime: deref(r.LastModified), Version: version(r.ETag)}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, n := range u.mu.sizes {
		o.Size += n
	}
	return o, nil
}

// Drop deletes the blob that is nothing but uncommitted blocks. Where a file has the name, nothing takes them away but a
// new version of that file, which nobody asked for: they stay, unseen, until the next write of it, or for a week.
func (u *blocks) Drop(ctx context.Context) error {
	if _, err := u.c.GetProperties(ctx, nil); !errors.Is(read(err), driver.ErrNotExist) {
		return read(err)
	}
	// The condition keeps what somebody else publishes in between.
	_, err := u.c.Delete(ctx, &blob.DeleteOptions{AccessConditions: absent()})
	if err := read(err); err != nil && !errors.Is(err, driver.ErrNotExist) && !errors.Is(err, driver.ErrChanged) {
		return err
	}
	return nil
}
