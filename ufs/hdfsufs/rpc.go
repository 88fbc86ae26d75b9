package hdfsufs

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"unsafe"

	"github.com/colinmarc/hdfs/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// namenode makes the calls of Hadoop's ClientProtocol. The library has it inside of its client and offers only some calls:
// no rename that leaves an existing name alone, no listing that goes on after a name. What they are is public: the messages
// are registered with protobuf.
type namenode interface {
	Execute(method string, req, resp proto.Message) error
}

// reach takes it out of the client.
func reach(c *hdfs.Client) (namenode, error) {
	f := reflect.ValueOf(c).Elem().FieldByName("namenode")
	if f.IsValid() {
		n, ok := reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().Interface().(namenode)
		if ok {
			return n, nil
		}
	}
	return nil, errOtherLibrary
}

// errOtherLibrary: what the library keeps for itself is not where we take it from.
var errOtherLibrary = errors.New("hdfsufs works with github.com/colinmarc/hdfs/v2 v2.4.0; this is another one")

// fields are those of a message, by the names of Hadoop's .proto files.
type fields map[protoreflect.Name]any

// rpc makes one call.
func (x *session) rpc(method string, f fields) (protoreflect.Message, error) {
	name := strings.ToUpper(method[:1]) + method[1:]
	req, err := message(name + "RequestProto")
	if err != nil {
		return nil, err
	}
	resp, err := message(name + "ResponseProto")
	if err != nil {
		return nil, err
	}
	for field, value := range f {
		req.Set(req.Descriptor().Fields().ByName(field), protoreflect.ValueOf(value))
	}
	err = x.names.Execute(method, req.Interface(), resp.Interface())
	return resp, err
}

func message(name string) (protoreflect.Message, error) {
	t, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("hadoop.hdfs." + name))
	if err != nil {
		return nil, err
	}
	return t.New(), nil
}

// get is a field of a message, its default if it is not there.
func get(m protoreflect.Message, field protoreflect.Name) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(field))
}

// rename moves a file or directory in one step.
func (x *session) rename(from, to string, overwrite bool) error {
	_, err := x.rpc("rename2", fields{"src": from, "dst": to, "overwriteDest": overwrite})
	return err
}

// remove deletes a file or an empty directory, and reports whether there was one.
func (x *session) remove(path string) (bool, error) {
	r, err := x.rpc("delete", fields{"src": path, "recursive": false})
	return err == nil && get(r, "result").Bool(), err
}

// setOwner sets those of both that are not "": the library would set that, too.
func (x *session) setOwner(path, owner, group string) error {
	f := fields{"src": path}
	if owner != "" {
		f["username"] = owner
	}
	if group != "" {
		f["groupname"] = group
	}
	_, err := x.rpc("setOwner", f)
	return err
}

// list answers what comes in a directory after a name, in the order of the names' bytes, as much as the NameNode likes. Of
// a file it has one entry without a name. more: there is more.
func (x *session) list(dir, after string) (entries []*hdfs.FileStatus, more, exists bool, err error) {
	r, err := x.rpc("getListing", fields{"src": dir, "startAfter": []byte(after), "needLocation": false})
	if err != nil || !r.Has(r.Descriptor().Fields().ByName("dirList")) {
		return nil, false, false, err
	}
	found := get(r, "dirList").Message()
	some := get(found, "partialListing").List()
	for i := range some.Len() {
		if st, ok := some.Get(i).Message().Interface().(*hdfs.FileStatus); ok {
			entries = append(entries, st)
		}
	}
	return entries, get(found, "remainingEntries").Uint() > 0, true, nil
}

// located are the blocks of a file.
func (x *session) located(path string) (protoreflect.Message, error) {
	r, err := x.rpc("getBlockLocations", fields{"src": path, "offset": uint64(0), "length": uint64(math.MaxInt64)})
	if err != nil {
		return nil, err
	}
	return get(r, "locations").Message(), nil
}

// written reports whether somebody has a file open for writing, or had until he died less than an hour ago.
func (x *session) written(path string) (bool, error) {
	blocks, err := x.located(path)
	return err == nil && get(blocks, "underConstruction").Bool(), err
}

// complete asks again that a file be closed, and reports whether it is. It names the last block, as the library does the
// first time alone: a NameNode that then had not heard of the block before has not noted the last one either, and would
// wait for ever to be told.
func (x *session) complete(path string, id uint64, length int64) (bool, error) {
	blocks, err := x.located(path)
	if err != nil {
		return false, err
	}
	f := fields{"src": path, "clientName": x.c.Name(), "fileId": id}
	last := get(blocks, "lastBlock").Message()
	if last.IsValid() && !get(blocks, "isLastBlockComplete").Bool() {
		b := get(last, "b").Message()
		b.Set(b.Descriptor().Fields().ByName("numBytes"), protoreflect.ValueOf(uint64(length)-get(last, "offset").Uint()))
		f["last"] = b
	}
	r, err := x.rpc("complete", f)
	return err == nil && get(r, "result").Bool(), err
}
