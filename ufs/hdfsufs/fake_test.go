package hdfsufs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// fake is a NameNode that says what a test has it say: a Hadoop RPC server.
type fake struct {
	t        testing.TB
	l        net.Listener
	running  sync.WaitGroup
	greeting exception // thrown at who comes, instead of serving him; "" for none
	mu       struct {
		sync.Mutex
		answers map[string]answer
		calls   []string
		user    string
		conns   []net.Conn
	}
}

// answer is what becomes of a call: the text of the response's message, or an exception, or errHangUp.
type answer func(req protoreflect.Message) (string, error)

// exception is what a NameNode throws: the class and, after a space, the message.
type exception string

func (e exception) Error() string { return string(e) }

// errHangUp loses the answer.
var errHangUp = errors.New("hang up")

// newFake answers calls by their method. It knows how to create an empty file of id 7 and to look at one.
func newFake(t testing.TB, answers map[string]answer) *fake {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := unheard(t, answers)
	f.l = l
	f.running.Go(f.accept)
	t.Cleanup(f.close)
	return f
}

// unheard is a fake that does not listen: connections come by its dial.
func unheard(t testing.TB, answers map[string]answer) *fake {
	f := &fake{t: t}
	f.mu.answers = map[string]answer{
		"renewLease":        says(""),
		"getServerDefaults": says("serverDefaults:{blockSize:4096 bytesPerChecksum:512 writePacketSize:1 replication:1 fileBufferSize:1}"),
		"getFileInfo":       says("fs:{" + file(7, "") + "}"),
		"create":            says("fs:{" + file(7, "") + "}"),
		"complete":          says("result:true"),
		"getBlockLocations": says("locations:{fileLength:0 underConstruction:true isLastBlockComplete:false}"),
		"rename2":           says(""),
		"delete":            says("result:true"),
	}
	maps.Copy(f.mu.answers, answers)
	return f
}

// dial connects in memory.
func (f *fake) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	f.enter(theirs)
	return ours, nil
}

// says is an answer that is always the same.
func says(text string) answer {
	return func(protoreflect.Message) (string, error) { return text, nil }
}

func throws(class string) answer {
	return func(protoreflect.Message) (string, error) {
		return "", exception(class + " it says\n\tat java.lang.Thread.run(hunter2)")
	}
}

func hangsUp(protoreflect.Message) (string, error) { return "", errHangUp }

// file is the text of an empty file's status.
func file(id int, more string) string {
	return fmt.Sprintf(`fileType:IS_FILE path:"f" length:0 permission:{perm:420} owner:"o" group:"g" modification_time:1 access_time:1 fileId:%d %s`, id, more)
}

func (f *fake) addr() string { return f.l.Addr().String() }

// open opens a place of the fake, or of several with the others' addresses before it.
func (f *fake) open(before ...string) *ufs.Store {
	s, err := hdfsufs.Open(strings.Join(append(before, f.addr()), ","), "/place", &hdfsufs.Options{User: "me", UFS: quick()})
	require.NoError(f.t, err)
	f.t.Cleanup(func() { require.NoError(f.t, s.Close()) })
	return s
}

// on changes an answer.
func (f *fake) on(method string, a answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.answers[method] = a
}

// made are the calls since the last time, without those that keep leases.
func (f *fake) made() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.DeleteFunc(f.mu.calls, func(m string) bool { return m == "renewLease" })
	f.mu.calls = nil
	return all
}

func (f *fake) connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.mu.conns)
}

func (f *fake) close() {
	f.l.Close()
	f.hangUp()
	f.running.Wait()
}

// hangUp closes the connections that there are.
func (f *fake) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.mu.conns {
		c.Close()
	}
}

func (f *fake) accept() {
	for {
		c, err := f.l.Accept()
		if err != nil {
			return
		}
		f.enter(c)
	}
}

func (f *fake) enter(c net.Conn) {
	f.mu.Lock()
	f.mu.conns = append(f.mu.conns, c)
	f.mu.Unlock()
	f.running.Go(func() {
		defer c.Close()
		f.serve(c)
	})
}

// serve reads the connection's header and context, and then requests.
func (f *fake) serve(c net.Conn) {
	if _, err := io.ReadFull(c, make([]byte, 7)); err != nil {
		return
	}
	p, err := packet(c)
	if err != nil || f.meet(p) != nil {
		return
	}
	if f.greeting != "" {
		b, err := response(nobodysCall, nil, "", f.greeting)
		if err != nil {
			f.t.Errorf("the fake's greeting: %v", err)
		}
		c.Write(b)
		return
	}
	for {
		p, err := packet(c)
		if err != nil {
			return
		}
		if err := f.reply(c, p); err != nil {
			return
		}
	}
}

// meet reads who the client says he is.
func (f *fake) meet(p *bytes.Reader) error {
	header, who := newMessage(f.t, "common.RpcRequestHeaderProto"), newMessage(f.t, "common.IpcConnectionContextProto")
	for _, m := range []protoreflect.Message{header, who} {
		if err := protodelim.UnmarshalFrom(p, m.Interface()); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.user = field(field(who, "userInfo").Message(), "effectiveUser").String()
	return nil
}

// user is who the last client said he was.
func (f *fake) user() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.user
}

func packet(r io.Reader) (*bytes.Reader, error) {
	var size uint32
	if err := binary.Read(r, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	p := make([]byte, size)
	_, err := io.ReadFull(r, p)
	return bytes.NewReader(p), err
}

func (f *fake) reply(c net.Conn, p *bytes.Reader) error {
	header, what := newMessage(f.t, "common.RpcRequestHeaderProto"), newMessage(f.t, "common.RequestHeaderProto")
	for _, m := range []protoreflect.Message{header, what} {
		if err := protodelim.UnmarshalFrom(p, m.Interface()); err != nil {
			return err
		}
	}
	method := field(what, "methodName").String()
	name := "hdfs." + strings.ToUpper(method[:1]) + method[1:]
	req, resp := newMessage(f.t, name+"RequestProto"), newMessage(f.t, name+"ResponseProto")
	if err := protodelim.UnmarshalFrom(p, req.Interface()); err != nil {
		return err
	}
	f.mu.Lock()
	f.mu.calls = append(f.mu.calls, method)
	do := f.mu.answers[method]
	f.mu.Unlock()
	if do == nil {
		do = throws("java.lang.NobodyAnswers" + method)
	}
	text, err := do(req)
	if err == errHangUp {
		return err
	}
	b, err := response(field(header, "callId").Int(), resp, text, err)
	if err != nil {
		f.t.Errorf("what the fake is to say to %s: %v", method, err)
		return err
	}
	_, err = c.Write(b)
	return err
}

// nobodysCall is the id of what answers no call.
const nobodysCall = 1<<32 - 1 // -1, as Java has it

// response is what goes over the connection.
func response(id int64, resp protoreflect.Message, text string, thrown error) ([]byte, error) {
	head := fmt.Sprintf("callId:%d status:SUCCESS", id)
	if thrown != nil {
		class, message, _ := strings.Cut(thrown.Error(), " ")
		head = fmt.Sprintf("callId:%d status:ERROR errorDetail:ERROR_APPLICATION exceptionClassName:%q errorMsg:%q", id, class, message)
	}
	t, err := protoregistry.GlobalTypes.FindMessageByName("hadoop.common.RpcResponseHeaderProto")
	if err != nil {
		return nil, err
	}
	b := make([]byte, 4) // for the length
	header := t.New()
	if b, err = appendMessage(b, header, head); err == nil && thrown == nil {
		b, err = appendMessage(b, resp, text)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b, err
}

func appendMessage(to []byte, m protoreflect.Message, text string) ([]byte, error) {
	if err := prototext.Unmarshal([]byte(text), m.Interface()); err != nil {
		return to, err
	}
	b := bytes.NewBuffer(to)
	_, err := protodelim.MarshalTo(b, m.Interface())
	return b.Bytes(), err
}

func newMessage(t testing.TB, name string) protoreflect.Message {
	m, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("hadoop." + name))
	require.NoError(t, err)
	return m.New()
}

// field is a field of a message.
func field(m protoreflect.Message, name protoreflect.Name) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(name))
}
