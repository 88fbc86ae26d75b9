package azufs

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// mostListed is the most names of a page, by Azure's rule.
const mostListed = 5000

// List is one request, but after a StartAfter that lies pages behind: Azure's own startFrom is known to few services, and
// one that does not know it ignores it.
func (b *bucket) List(ctx context.Context, q objects.Query) (objects.Answer, error) {
	prefix, err := b.prefix(q.Prefix)
	if err != nil {
		return objects.Answer{}, err
	}
	q.Prefix = prefix
	after := toBlob.Replace(q.StartAfter)
	for {
		a, err := b.page(ctx, q)
		if err != nil {
			return objects.Answer{}, read(err)
		}
		a.Objects = slices.DeleteFunc(a.Objects, func(o objects.Object) bool { return o.Name <= after })
		a.Prefixes = slices.DeleteFunc(a.Prefixes, func(p string) bool { return p <= after })
		if len(a.Objects)+len(a.Prefixes) > 0 {
			return decoded(a), nil
		}
		if a.Token == "" {
			return b.itself(ctx, q.Prefix)
		}
		q.Token = a.Token
	}
}

// itself tells an empty directory of a hierarchical namespace by its marker, which is not below its own prefix there.
func (b *bucket) itself(ctx context.Context, prefix string) (objects.Answer, error) {
	dir := strings.TrimSuffix(prefix, "/")
	if !b.real || dir == prefix || dir == "" {
		return objects.Answer{}, nil
	}
	p, err := b.c.NewBlobClient(dir).GetProperties(ctx, nil)
	if err := read(err); errors.Is(err, driver.ErrNotExist) {
		return objects.Answer{}, nil
	} else if err != nil {
		return objects.Answer{}, err
	}
	if !isFolder(p.Metadata, nil) {
		return objects.Answer{}, nil
	}
	return decoded(objects.Answer{Objects: []objects.Object{{Name: prefix, ModTime: deref(p.LastModified)}}}), nil
}

// prefix is that of blobs, its "/" kept.
func (b *bucket) prefix(p string) (string, error) {
	at, err := b.blob(p)
	if strings.HasSuffix(p, "/") {
		at = strings.TrimSuffix(at, "/") + "/"
	}
	return at, err
}

// page is one request.
func (b *bucket) page(ctx context.Context, q objects.Query) (objects.Answer, error) {
	o := &container.ListBlobsHierarchyOptions{Prefix: &q.Prefix, Include: container.ListBlobsInclude{Metadata: true}}
	if q.Token != "" {
		o.Marker = &q.Token
	}
	if q.Limit > 0 {
		o.MaxResults = new(int32(min(q.Limit, mostListed)))
	}
	r, err := b.c.NewListBlobsHierarchyPager(q.Delimiter, o).NextPage(ctx)
	if err != nil {
		return objects.Answer{}, err
	}
	a := objects.Answer{Token: deref(r.NextMarker)}
	for _, p := range r.Segment.BlobPrefixes {
		a.Prefixes = append(a.Prefixes, deref(p.Name))
	}
	for _, item := range r.Segment.BlobItems {
		add(&a, item, q)
	}
	return a, nil
}

// add tells a blob as what it is.
func add(a *objects.Answer, item *container.BlobItem, q objects.Query) {
	name, p := deref(item.Name), item.Properties
	if !isFolder(item.Metadata, p.ResourceType) {
		a.Objects = append(a.Objects, objects.Object{Name: name, Size: deref(p.ContentLength), ModTime: deref(p.LastModified), Version: version(p.ETag)})
		return
	}
	dir := strings.TrimSuffix(name, "/") + "/"
	if q.Delimiter == "" || dir == q.Prefix {
		a.Objects = append(a.Objects, objects.Object{Name: dir, ModTime: deref(p.LastModified)})
		return
	}
	if i, told := slices.BinarySearch(a.Prefixes, dir); !told {
		a.Prefixes = slices.Insert(a.Prefixes, i, dir)
	}
}

func decoded(a objects.Answer) objects.Answer {
	for i := range a.Objects {
		a.Objects[i].Name = fromBlob.Replace(a.Objects[i].Name)
	}
	for i := range a.Prefixes {
		a.Prefixes[i] = fromBlob.Replace(a.Prefixes[i])
	}
	return a
}
