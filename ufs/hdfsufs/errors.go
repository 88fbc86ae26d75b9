package hdfsufs

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/colinmarc/hdfs/v2"

	"github.com/millpond/millpond/ufs/driver"
)

// conditions are the Java exceptions that have a name in package driver, without their packages.
var conditions = map[string]error{
	"FileNotFoundException":                          driver.ErrNotExist,
	"AccessControlException":                         driver.ErrPermission,
	"AuthorizationException":                         driver.ErrPermission,
	"PathIsNotEmptyDirectoryException":               driver.ErrNotEmpty,
	"FileAlreadyExistsException":                     driver.ErrExist,
	"HadoopIllegalArgumentException":                 driver.ErrInvalid,
	"InvalidPathException":                           driver.ErrInvalid,
	"FSLimitException$PathComponentTooLongException": driver.ErrInvalid,
	"FSLimitException$IllegalNameException":          driver.ErrInvalid,
	"SnapshotAccessControlException":                 driver.ErrReadOnly,
	"UnsupportedOperationException":                  driver.ErrUnsupported,
	"RpcNoSuchMethodException":                       driver.ErrUnsupported,
	"StandbyException":                               driver.ErrUnavailable,
}

// later are those of a NameNode that does not answer now.
var later = []string{"SafeModeException", "RetriableException", "ServerTooBusyException"}

// notDirectory ends what a NameNode says, as a lack of permission, of a path through a file.
const notDirectory = "(is not a directory)"

// noSimple is what a NameNode says to those who come without Kerberos where it is wanted. It is no answer to any call, so
// that the library drops it.
const noSimple = "SIMPLE authentication is not enabled"

var errWantsKerberos = fmt.Errorf("%w: the NameNode wants Kerberos: set hadoop.security.authentication to kerberos in HADOOP_CONF_DIR and run kinit, or give Options.Kerberos", driver.ErrPermission)

// errParentIsFile: a path leads through a file.
var errParentIsFile = fmt.Errorf("%w: %w", driver.ErrNotExist, driver.ErrNotDir)

// remote is what a NameNode has thrown.
type remote interface {
	error
	hdfs.Error
}

// condition names an error that is an answer; false for one that is none, or has no name.
func condition(err error) (error, bool) {
	switch e, is := errors.AsType[remote](err); {
	case is:
		return remoteCondition(e)
	case errors.Is(err, syscall.ENOTEMPTY):
		return driver.ErrNotEmpty, true
	case errors.Is(err, fs.ErrNotExist):
		return driver.ErrNotExist, true
	case errors.Is(err, fs.ErrExist):
		return driver.ErrExist, true
	case errors.Is(err, fs.ErrPermission):
		return driver.ErrPermission, true
	case errors.Is(err, fs.ErrInvalid):
		return driver.ErrInvalid, true
	}
	return err, ours(err)
}

// ours are the conditions that this package itself answers with.
func ours(err error) bool {
	for _, c := range []error{driver.ErrNotDir, driver.ErrIsDir, driver.ErrChanged, driver.ErrUnsupported} {
		if errors.Is(err, c) {
			return true
		}
	}
	return false
}

// remoteCondition names what a NameNode threw. Its message has the method and a trace of the stack after the first line.
func remoteCondition(e remote) (error, bool) {
	class := e.Exception()[strings.LastIndexByte(e.Exception(), '.')+1:]
	text, _, _ := strings.Cut(e.Message(), "\n")
	switch {
	case class == "ParentNotDirectoryException", strings.HasSuffix(text, notDirectory):
		return errParentIsFile, true
	case slices.Contains(later, class):
		return &driver.Retryable{Err: fmt.Errorf("the NameNode asks to come back: %s: %s", class, text)}, true
	}
	if c := conditions[class]; c != nil {
		return fmt.Errorf("%w: %s: %s", c, class, text), true
	}
	return &remoteError{fmt.Sprintf("%s: %s: %s", e.Method(), class, text)}, true
}

// remoteError is an answer without a condition of ours.
type remoteError struct{ text string }

func (e *remoteError) Error() string { return e.text }

// notReplicated reports whether a NameNode has not yet heard of a block that must be there before the next.
func notReplicated(err error) bool {
	e, is := errors.AsType[remote](err)
	return is && strings.HasSuffix(e.Exception(), ".NotReplicatedYetException")
}

// answered reports whether the session that err came from works as before: nil, or an answer.
func answered(err error) bool {
	return err == nil || !lost(err) && !errors.Is(err, driver.ErrUnavailable)
}
