package hdfsufs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/millpond/millpond/ufs/driver"
)

// shake watches a DataNode's answers while the library shakes hands with it (SASL, DIGEST-MD5). What protects the bytes after
// that is for the DataNode to choose, and the library cannot read all of it: a read that goes over the end of one of
// DIGEST-MD5's own messages, of integrity or of encryption, loses count of what was left of it.
type shake struct {
	said, heard int  // messages
	wraps       bool // in messages of DIGEST-MD5, unless a cipher is agreed on
}

// shakes begins what the library says first to a DataNode that protects bytes.
var shakes = []byte{0xDE, 0xAD, 0xBE, 0xEF}

// answers is how many messages a DataNode has in it: a challenge, and whether the response was right.
const answers = 2

var errUnreadable = fmt.Errorf("%w: the DataNodes protect blocks as DIGEST-MD5 does it, which github.com/colinmarc/hdfs v2.4.0 cannot read: "+
	"set dfs.data.transfer.protection to authentication there, or to privacy with dfs.encrypt.data.transfer.cipher.suites AES/CTR/NoPadding", driver.ErrUnsupported)

// says notes a message of ours.
func (s *shake) says() {
	if s.heard < answers {
		s.said++
	}
}

// hears looks at the next answer, which stays to be read.
func (s *shake) hears(from *bufio.Reader) error {
	if s.heard == answers || s.heard == s.said {
		return nil
	}
	s.heard++
	size, err := from.Peek(binary.MaxVarintLen32)
	if err != nil {
		return err
	}
	length, prefix := binary.Uvarint(size)
	if prefix <= 0 || length > dataBuffer/2 {
		return nil // the library will say what it thinks of it
	}
	text, err := from.Peek(prefix + int(length))
	if err != nil {
		return err
	}
	answer, err := message("DataTransferEncryptorMessageProto")
	if err != nil {
		return err
	}
	if proto.Unmarshal(text[prefix:], answer.Interface()) != nil {
		return nil
	}
	if s.heard == 1 {
		challenge := get(answer, "payload").Bytes()
		s.wraps = bytes.Contains(challenge, []byte("auth-int")) || bytes.Contains(challenge, []byte("auth-conf"))
		return nil
	}
	if s.wraps && get(answer, "cipherOption").List().Len() == 0 {
		return errUnreadable
	}
	return nil
}
