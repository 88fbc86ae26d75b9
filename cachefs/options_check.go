package cachefs

import (
	"fmt"
	"strings"
	"time"
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

func (t ReadType) check() error {
	if t > NoCache {
		return invalid("read type %d; want CachePromote, Cache or NoCache", t)
	}
	return nil
}

func (o *CreateOptions) check() error {
	if err := checkBlockSize(o.BlockSize); err != nil {
		return invalid("block size %d; want %v", o.BlockSize, err)
	}
	switch {
	case o.WriteType > AsyncThrough:
		return invalid("write type %d; want MustCache, CacheThrough, Through or AsyncThrough", o.WriteType)
	case o.Size < 0:
		return invalid("size %d; want the bytes to be expected, or 0 (unknown)", o.Size)
	}
	if err := checkTTL(o.TTL.After, o.TTL.Action); err != nil {
		return err
	}
	return checkReplicas(o.ReplicasMin, o.ReplicasMax)
}

func (o *ListOptions) check() error {
	switch {
	case o.Limit < 0:
		return invalid("limit %d; want 0 (none) or more", o.Limit)
	case strings.HasPrefix(o.Prefix, "/"):
		return invalid("prefix %q; want one relative to the directory, without the \"/\"", o.Prefix)
	case strings.HasPrefix(o.StartAfter, "/"):
		return invalid("start after %q; want a path relative to the directory, without the \"/\"", o.StartAfter)
	}
	return nil
}

func (o *AttrOptions) check() error {
	var least, most int
	if o.ReplicasMin != nil {
		least = *o.ReplicasMin
	}
	if o.ReplicasMax != nil {
		most = *o.ReplicasMax
	}
	if err := checkReplicas(least, most); err != nil {
		return err
	}
	if err := checkTTL(deref(o.TTL), deref(o.TTLAction)); err != nil {
		return err
	}
	for name := range o.Xattr {
		if name == "" {
			return invalid("extended attribute without a name")
		}
	}
	if err := checkACL(o.ACL); err != nil {
		return err
	}
	return checkACL(o.DefaultACL)
}

// checkACL says which entry of an access list says nothing.
func checkACL(a *ACL) error {
	for _, e := range deref(a).Entries {
		named := e.Tag == ACLUser || e.Tag == ACLGroup
		switch {
		case !named && e.Tag != ACLMask && e.Tag != ACLOwningGroup:
			return invalid("ACL entry with tag %q; want ACLUser, ACLGroup, ACLOwningGroup or ACLMask", e.Tag)
		case named && e.Name == "":
			return invalid("ACL entry without a name; ACLOwningGroup has none, and the owner's bits are those of the mode")
		case !named && e.Name != "":
			return invalid("ACL entry with tag %q and the name %q; want none", e.Tag, e.Name)
		case e.Perm > 7:
			return invalid("ACL entry with the bits %#o; want 0 to 7", e.Perm)
		}
	}
	return nil
}

func checkTTL(after time.Duration, action TTLAction) error {
	switch {
	case after < 0:
		return invalid("time to live of %v; want 0 (for ever) or more", after)
	case action != FreeAtEnd && action != DeleteAtEnd:
		return invalid("action %d at the end of the time to live; want FreeAtEnd or DeleteAtEnd", action)
	}
	return nil
}

func checkReplicas(least, most int) error {
	switch {
	case least < 0 || most < 0:
		return invalid("at least %d and at most %d replicas; want 0 (the default) or more", least, most)
	case most != 0 && least > most:
		return invalid("at least %d and at most %d replicas; want no more at least than at most", least, most)
	}
	return nil
}

// checkSync accepts what MountConfig.Sync may be.
func checkSync(d time.Duration) error {
	if d >= 0 || d == SyncAlways {
		return nil
	}
	return fmt.Errorf("SyncNever (0), SyncAlways (-1 ns) or an age above 0")
}

func (o *LoadOptions) check() error {
	if o.Parallel < 0 {
		return invalid("%d files at a time; want 0 (the default, 8) or more", o.Parallel)
	}
	return nil
}

func (o *LocateOptions) check() error {
	if o.Offset < 0 || o.Length < 0 {
		return invalid("range of %d bytes at %d; want neither below 0", o.Length, o.Offset)
	}
	return nil
}
