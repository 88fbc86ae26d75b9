package azufs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// Copy lets the service copy. Within an account that is done when it answers, as a rule; else it is waited for.
func (b *bucket) Copy(ctx context.Context, from, to, version string) (objects.Object, error) {
	src, err := b.blob(from)
	if err != nil {
		return objects.Object{}, err
	}
	at, err := b.blob(to)
	if err != nil {
		return objects.Object{}, err
	}
	dst := b.c.NewBlobClient(at)
	r, err := dst.StartCopyFromURL(ctx, b.c.NewBlobClient(src).URL(), &blob.StartCopyFromURLOptions{SourceModifiedAccessConditions: sourceOnly(version)})
	if err = changed(ctx, err); version != "" && errors.Is(err, driver.ErrNotExist) {
		err = driver.ErrChanged
	}
	if err != nil {
		return objects.Object{}, err
	}
	if err := b.copied(ctx, dst, deref(r.CopyID), deref(r.CopyStatus)); err != nil {
		return objects.Object{}, err
	}
	return b.Head(ctx, to)
}

func sourceOnly(version string) *blob.SourceModifiedAccessConditions {
	if version == "" {
		return nil
	}
	return &blob.SourceModifiedAccessConditions{SourceIfMatch: etag(version)}
}

// copyLook is how often a copy is asked after: Azure copies gigabytes a second within an account.
const copyLook = 200 * time.Millisecond

// copied waits for the end of a copy. When ctx ends, the copy is told to stop.
func (b *bucket) copied(ctx context.Context, dst *blob.Client, id string, status blob.CopyStatusType) error {
	tick := time.NewTicker(copyLook)
	defer tick.Stop()
	for status == blob.CopyStatusTypePending {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		p, err := dst.GetProperties(ctx, nil)
		if ctx.Err() != nil {
			return &driver.Unknown{Err: errors.Join(context.Cause(ctx), b.stopCopy(ctx, dst, id))}
		}
		if err != nil {
			return &driver.Unknown{Err: read(err)}
		}
		if deref(p.CopyID) != id {
			return fmt.Errorf("%w: the target of a copy was written meanwhile", driver.ErrChanged)
		}
		status = deref(p.CopyStatus)
	}
	if status != blob.CopyStatusTypeSuccess {
		return fmt.Errorf("azure ended the copy: %s", status)
	}
	return nil
}

func (b *bucket) stopCopy(ctx context.Context, dst *blob.Client, id string) error {
	return b.parts.Clean(ctx, false, func(ctx context.Context) error {
		_, err := dst.AbortCopyFromURL(ctx, id, nil)
		if bloberror.HasCode(err, bloberror.NoPendingCopyOperation) { // it has ended by itself
			return nil
		}
		return read(err)
	})
}
