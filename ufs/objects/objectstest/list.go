package objectstest

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/millpond/millpond/ufs/objects"
)

// List answers a page. A token is the last name told, a common prefix stands for all below it.
func (b *Bucket) List(ctx context.Context, q objects.Query) (objects.Answer, error) {
	if err := b.enter(ctx, "list", q.Prefix); err != nil {
		return objects.Answer{}, err
	}
	limit := b.o.PageSize
	if q.Limit > 0 {
		limit = min(limit, q.Limit)
	}
	var a objects.Answer
	last := ""
	for _, name := range b.sorted(q) {
		told, isPrefix := fold(name, q)
		if told == last || isPrefix && told == q.Token {
			continue
		}
		if len(a.Objects)+len(a.Prefixes) == limit {
			a.Token = last
			return a, nil
		}
		last = told
		if isPrefix {
			a.Prefixes = append(a.Prefixes, told)
			continue
		}
		b.mu.Lock()
		a.Objects = append(a.Objects, b.mu.objects[name].Object)
		b.mu.Unlock()
	}
	return a, nil
}

// sorted are the names that q selects, in the bucket's order.
func (b *Bucket) sorted(q objects.Query) []string {
	b.mu.Lock()
	if b.mu.names == nil {
		b.mu.names = slices.SortedFunc(maps.Keys(b.mu.objects), b.o.Order)
	}
	all := b.mu.names
	b.mu.Unlock()
	var names []string
	for _, n := range all {
		if strings.HasPrefix(n, q.Prefix) && (q.StartAfter == "" || b.o.Order(n, q.StartAfter) > 0) && (q.Token == "" || b.o.Order(n, q.Token) > 0) {
			names = append(names, n)
		}
	}
	return names
}

// fold is what a listing tells of a name: itself, or its common prefix.
func fold(name string, q objects.Query) (told string, isPrefix bool) {
	rest := name[len(q.Prefix):]
	if i := strings.Index(rest, q.Delimiter); q.Delimiter != "" && i >= 0 {
		return name[:len(q.Prefix)+i+len(q.Delimiter)], true
	}
	return name, false
}

// ByComponent is the order of a store that walks a directory tree: "a/b" before "a-b".
func ByComponent(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}
