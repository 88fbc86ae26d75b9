package s3ufs

import (
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/millpond/millpond/ufs/driver"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvme       = crc64.MakeTable(0x9a6c9329ac4bc9b5) // CRC-64/NVME, reflected
)

// crc32c is the checksum that we send: CPUs have an instruction for it.
func crc32c(p []byte) *string {
	h := crc32.New(castagnoli)
	h.Write(p)
	return aws.String(base64.StdEncoding.EncodeToString(h.Sum(nil)))
}

// sum is a checksum that a store told.
type sum struct {
	h    hash.Hash
	want string // base64
}

// sumOf is the checksum of the whole object in an answer, if it is of a kind that we know. One of parts' checksums
// ("...-3") says nothing about the bytes as such.
func sumOf(out *s3.GetObjectOutput) *sum {
	for _, s := range []struct {
		value *string
		h     func() hash.Hash
	}{
		{out.ChecksumCRC32C, func() hash.Hash { return crc32.New(castagnoli) }},
		{out.ChecksumCRC32, func() hash.Hash { return crc32.NewIEEE() }},
		{out.ChecksumCRC64NVME, func() hash.Hash { return crc64.New(nvme) }},
	} {
		if v := aws.ToString(s.value); v != "" && !strings.Contains(v, "-") {
			return &sum{s.h(), v}
		}
	}
	return nil
}

// verified checks a body of size bytes on its way: with its last bytes it says driver.ErrChecksum if they were not right.
func verified(body io.ReadCloser, size int64, s *sum) io.ReadCloser {
	if s == nil || size == 0 {
		return body
	}
	return &verifier{body, size, s}
}

type verifier struct {
	io.ReadCloser
	left int64
	*sum
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.h.Write(p[:n])
	v.left -= int64(n)
	if v.left == 0 && n > 0 {
		if got := base64.StdEncoding.EncodeToString(v.h.Sum(nil)); got != v.want {
			return n, fmt.Errorf("%w: %s, want %s", driver.ErrChecksum, got, v.want)
		}
	}
	return n, err
}
