package hdfsufs_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// shelf is a fake that keeps names: those of empty files.
type shelf struct {
	*fake
	mu    sync.Mutex
	ids   map[string]int
	lastI int
}

func newShelf(t testing.TB) *shelf {
	s := &shelf{ids: map[string]int{}}
	s.fake = newFake(t, map[string]answer{"getFileInfo": s.look, "create": s.create, "rename2": s.rename, "delete": s.remove})
	return s
}

func src(req protoreflect.Message) string { return field(req, "src").String() }

func (s *shelf) look(req protoreflect.Message) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, has := s.ids[src(req)]
	if !has {
		return "", nil
	}
	return "fs:{" + file(id, "") + "}", nil
}

func (s *shelf) create(req protoreflect.Message) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastI++
	s.ids[src(req)] = s.lastI
	return "fs:{" + file(s.lastI, "") + "}", nil
}

func (s *shelf) rename(req protoreflect.Message) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := field(req, "dst").String()
	id, has := s.ids[src(req)]
	_, taken := s.ids[to]
	switch {
	case !has:
		return "", exception("java.io.FileNotFoundException no source")
	case taken && !field(req, "overwriteDest").Bool():
		return "", exception("org.apache.hadoop.fs.FileAlreadyExistsException taken")
	}
	delete(s.ids, src(req))
	s.ids[to] = id
	return "", nil
}

func (s *shelf) remove(req protoreflect.Message) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, has := s.ids[src(req)]
	delete(s.ids, src(req))
	return fmt.Sprintf("result:%t", has), nil
}

// doneButLost makes a change and loses the answer.
func doneButLost(do answer) answer {
	return func(req protoreflect.Message) (string, error) {
		if _, err := do(req); err != nil {
			return "", err
		}
		return "", errHangUp
	}
}

// has asserts what is there, by their ids.
func (s *shelf) has(t *testing.T, want map[string]int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Equal(t, want, s.ids)
}

// commit creates an empty file "f".
func commit(ctx context.Context, t *testing.T, st *ufs.Store, o ufs.CreateOptions) error {
	t.Helper()
	w, err := st.Create(t.Context(), "f", o)
	require.NoError(t, err)
	_, err = w.Commit(ctx)
	if err != nil {
		require.NoError(t, w.Abort(t.Context()))
	}
	return err
}

// TestLostRename: what became of a rename whose answer is lost is found out by the file's id.
func TestLostRename(t *testing.T) {
	t.Run("it happened", func(t *testing.T) {
		s := newShelf(t)
		s.on("rename2", doneButLost(s.rename))
		require.NoError(t, commit(t.Context(), t, s.open(), ufs.CreateOptions{}))
		require.Equal(t, 1, count(s.made(), "rename2"))
		s.has(t, map[string]int{"/place/f": 1})
	})
	t.Run("it did not", func(t *testing.T) {
		s := newShelf(t)
		s.on("rename2", twice(hangsUp, s.rename))
		require.NoError(t, commit(t.Context(), t, s.open(), ufs.CreateOptions{}))
		require.Equal(t, 2, count(s.made(), "rename2"))
		s.has(t, map[string]int{"/place/f": 1})
	})
	t.Run("it never does", func(t *testing.T) {
		s := newShelf(t)
		s.on("rename2", hangsUp)
		err := commit(t.Context(), t, s.open(), ufs.CreateOptions{})
		require.Error(t, err)
		require.False(t, unknown(err), "the temporary file was there to be removed: %v", err)
		require.Equal(t, 4, count(s.made(), "rename2"), "tries")
		s.has(t, map[string]int{})
	})
	t.Run("somebody was faster", func(t *testing.T) {
		s := newShelf(t)
		s.on("rename2", twice(hangsUp, func(req protoreflect.Message) (string, error) {
			s.mu.Lock()
			s.ids["/place/f"] = 100
			s.mu.Unlock()
			return s.rename(req)
		}))
		err := commit(t.Context(), t, s.open(), ufs.CreateOptions{IfAbsent: true})
		require.ErrorIs(t, err, driver.ErrExist)
		require.False(t, unknown(err), "%v", err)
		s.has(t, map[string]int{"/place/f": 100})
	})
	t.Run("nobody can say", func(t *testing.T) {
		s := newShelf(t)
		s.ids["/place/a"] = 50
		s.on("rename2", hangsUp)
		st := s.open()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := st.Rename(ctx, "a", "b", true)
		require.True(t, unknown(err), "%v", err)
	})
}

// TestNothingReplaced: with IfAbsent, and without overwrite, it is the NameNode that refuses, in the call that renames.
func TestNothingReplaced(t *testing.T) {
	s := newShelf(t)
	s.ids["/place/f"] = 100
	s.ids["/place/a"] = 50
	st := s.open()
	require.ErrorIs(t, commit(t.Context(), t, st, ufs.CreateOptions{IfAbsent: true}), driver.ErrExist)
	_, err := st.Rename(t.Context(), "a", "f", false)
	require.ErrorIs(t, err, driver.ErrExist)
	s.has(t, map[string]int{"/place/f": 100, "/place/a": 50})
	require.NoError(t, commit(t.Context(), t, st, ufs.CreateOptions{}))
	s.has(t, map[string]int{"/place/f": 2, "/place/a": 50})
}

// TestCommitLater: a NameNode in safe mode is asked to publish again, what was closed stays so.
func TestCommitLater(t *testing.T) {
	s := newShelf(t)
	s.on("rename2", twice(throws("org.apache.hadoop.hdfs.server.namenode.SafeModeException"), s.rename))
	require.NoError(t, commit(t.Context(), t, s.open(), ufs.CreateOptions{}))
	calls := s.made()
	require.Equal(t, 2, count(calls, "rename2"))
	require.Equal(t, 1, count(calls, "complete"))
	s.has(t, map[string]int{"/place/f": 1})
}

// TestReplicating: a file that the NameNode does not close yet is closed again, until the context ends.
func TestReplicating(t *testing.T) {
	s := newShelf(t)
	s.on("complete", twice(says("result:false"), twice(says("result:false"), says("result:true"))))
	st := s.open()
	require.NoError(t, commit(t.Context(), t, st, ufs.CreateOptions{}))
	require.Equal(t, 3, count(s.made(), "complete"))

	s.on("complete", says("result:false"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, commit(ctx, t, st, ufs.CreateOptions{}), context.DeadlineExceeded)
	s.has(t, map[string]int{"/place/f": 1})
	require.Equal(t, 1, count(s.made(), "delete"), "the temporary file")
}

// TestReplicatingLastBlock: a NameNode that is asked again is told of the last block again, with its length. One that did
// not hear of the block before in time has forgotten it.
func TestReplicatingLastBlock(t *testing.T) {
	s := newShelf(t)
	block := `{b:{poolId:"p" blockId:70 generationStamp:7 numBytes:99} offset:0 corrupt:false blockToken:{identifier:"" password:"" kind:"" service:""}}`
	s.on("getBlockLocations", says("locations:{fileLength:0 underConstruction:true isLastBlockComplete:false lastBlock:"+block+"}"))
	var told protoreflect.Message
	s.on("complete", twice(says("result:false"), func(req protoreflect.Message) (string, error) {
		told = field(req, "last").Message()
		return "result:true", nil
	}))
	require.NoError(t, commit(t.Context(), t, s.open(), ufs.CreateOptions{}))
	require.EqualValues(t, 70, field(told, "blockId").Uint())
	require.EqualValues(t, 7, field(told, "generationStamp").Uint())
	require.EqualValues(t, 0, field(told, "numBytes").Uint(), "what was written, not what the NameNode believes")
}

// TestNotClosed: what the NameNode does not close is not published.
func TestNotClosed(t *testing.T) {
	s := newShelf(t)
	s.on("complete", throws("java.io.IOException"))
	err := commit(t.Context(), t, s.open(), ufs.CreateOptions{})
	require.ErrorContains(t, err, "complete: IOException: it says")
	require.False(t, unknown(err))
	require.Zero(t, count(s.made(), "rename2"))
	s.has(t, map[string]int{})
}

// TestTempNames: temporary files lie beside what they become, hidden.
func TestTempNames(t *testing.T) {
	s := newShelf(t)
	st := s.open()
	w, err := st.Create(t.Context(), "d/f", ufs.CreateOptions{})
	require.NoError(t, err)
	for name := range s.ids {
		require.True(t, strings.HasPrefix(name, "/place/d/.millpond-tmp-"), name)
	}
	require.Len(t, s.ids, 1)
	require.NoError(t, w.Abort(t.Context()))
	s.has(t, map[string]int{})
}

// TestPlainBytesOnly: the library takes an encrypted or erasure-coded file for one of plain bytes.
func TestPlainBytesOnly(t *testing.T) {
	for what, more := range map[string]string{
		"encryption zone": `fileEncryptionInfo:{suite:AES_CTR_NOPADDING cryptoProtocolVersion:ENCRYPTION_ZONES key:"k" iv:"i" keyName:"n" ezKeyVersionName:"v"}`,
		"erasure-coded":   "ecPolicy:{id:1}",
	} {
		f := newFake(t, map[string]answer{"getFileInfo": says("fs:{" + file(7, more) + "}")})
		st := f.open()
		_, _, err := st.Open(t.Context(), "f", 0, -1, "")
		require.ErrorIs(t, err, driver.ErrUnsupported)
		require.ErrorContains(t, err, what)
		_, err = st.Create(t.Context(), "f", ufs.CreateOptions{})
		require.ErrorIs(t, err, driver.ErrUnsupported)
		require.Equal(t, 1, count(f.made(), "delete"), "the temporary file")
	}
}
