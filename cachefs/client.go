package cachefs

import (
	"context"
	"iter"
)

// Stat is Node.Stat.
func (c *Client) Stat(ctx context.Context, path string, o *StatOptions) (*Info, error) {
	w, err := query[wireInfo](ctx, c, "stat", pathArgs[StatOptions]{[]byte(path), deref(o)})
	if err != nil {
		return nil, pathError("stat", path, err)
	}
	return w.info(), nil
}

// List is Node.List. Each page of some hundred entries may come from another node.
func (c *Client) List(ctx context.Context, path string, o *ListOptions) iter.Seq2[*Info, error] {
	return func(yield func(*Info, error) bool) {
		opts := deref(o)
		for {
			page, err := query[listAnswer](ctx, c, "list", pathArgs[ListOptions]{[]byte(path), opts})
			for i := range page.List {
				if !yield(page.List[i].info(), nil) {
					return
				}
			}
			if err != nil {
				yield(nil, pathError("list", path, err))
			}
			if err != nil || !page.More || len(page.List) == 0 {
				return
			}
			last, _ := below(path, string(page.List[len(page.List)-1].Path))
			opts.StartAfter, opts.Sync, opts.Consistent = last, false, false
			if opts.Limit > 0 {
				opts.Limit -= len(page.List)
			}
		}
	}
}

// Mkdir is Node.Mkdir.
func (c *Client) Mkdir(ctx context.Context, path string, o *MkdirOptions) error {
	return pathError("mkdir", path, change(ctx, c, "mkdir", pathArgs[MkdirOptions]{[]byte(path), deref(o)}))
}

// Rename is Node.Rename.
func (c *Client) Rename(ctx context.Context, from, to string, o *RenameOptions) error {
	err := change(ctx, c, "rename", renameArgs{[]byte(from), []byte(to), deref(o)})
	return linkError("rename", from, to, err)
}

// Remove is Node.Remove.
func (c *Client) Remove(ctx context.Context, path string, o *RemoveOptions) error {
	return pathError("remove", path, change(ctx, c, "remove", pathArgs[RemoveOptions]{[]byte(path), deref(o)}))
}

// SetAttr is Node.SetAttr.
func (c *Client) SetAttr(ctx context.Context, path string, o *AttrOptions) error {
	return pathError("setattr", path, change(ctx, c, "setattr", pathArgs[AttrOptions]{[]byte(path), deref(o)}))
}

// Mount is Node.Mount: the nodes open the store, each with its own credentials. MountOptions.Store does not reach them.
func (c *Client) Mount(ctx context.Context, path, url string, o *MountOptions) error {
	opts := deref(o)
	if opts.Store != nil {
		return pathError("mount", path, refuse(ErrUnsupported, "an opened store is this process's: give the nodes its URL"))
	}
	return pathError("mount", path, change(ctx, c, "mount", mountArgs{[]byte(path), url, opts}))
}

// Unmount is Node.Unmount.
func (c *Client) Unmount(ctx context.Context, path string, o *UnmountOptions) error {
	return pathError("unmount", path, change(ctx, c, "unmount", pathArgs[UnmountOptions]{[]byte(path), deref(o)}))
}

// Mounts is Node.Mounts, as the node that is asked sees them.
func (c *Client) Mounts(ctx context.Context) ([]MountInfo, error) {
	list, err := query[[]mountAnswer](ctx, c, "mounts", none{})
	if err != nil {
		return nil, err
	}
	infos := make([]MountInfo, len(list))
	for i, m := range list {
		infos[i] = m.Info
		infos[i].Err = m.Err.error()
	}
	return infos, nil
}

// Free is Node.Free.
func (c *Client) Free(ctx context.Context, path string, o *FreeOptions) error {
	return pathError("free", path, change(ctx, c, "free", pathArgs[FreeOptions]{[]byte(path), deref(o)}))
}

// Locate is Node.Locate. The node that was asked is named first.
func (c *Client) Locate(ctx context.Context, path string, o *LocateOptions) ([]BlockLocation, error) {
	list, err := query[[]BlockLocation](ctx, c, "locate", pathArgs[LocateOptions]{[]byte(path), deref(o)})
	return list, pathError("locate", path, err)
}

// Cluster is Node.Cluster; Self is the node that was asked.
func (c *Client) Cluster(ctx context.Context) (*ClusterInfo, error) {
	got, err := query[clusterAnswer](ctx, c, "cluster", none{})
	if err != nil {
		return nil, err
	}
	info := &ClusterInfo{Self: got.Self, Peers: got.Peers}
	for i := range info.Peers[:min(len(info.Peers), len(got.Errs))] {
		info.Peers[i].Err = got.Errs[i].error()
	}
	return info, nil
}
