package s3ufs

import (
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/millpond/millpond/ufs/objects"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvme       = crc64.MakeTable(0x9a6c9329ac4bc9b5) // CRC-64/NVME, reflected
)

// crc32c is the checksum that we send: CPUs have an instruction for it.
func crc32c(b *objects.Body) *string {
	return aws.String(base64.StdEncoding.EncodeToString(b.Sum(crc32.New(castagnoli))))
}

// sumOf is the checksum of the whole object in an answer, if it is of a kind that we know. One of parts' checksums
// ("...-3") says nothing about the bytes as such, and is no base64.
func sumOf(out *s3.GetObjectOutput) *objects.Sum {
	for _, s := range []struct {
		value *string
		h     func() hash.Hash
	}{
		{out.ChecksumCRC32C, func() hash.Hash { return crc32.New(castagnoli) }},
		{out.ChecksumCRC32, func() hash.Hash { return crc32.NewIEEE() }},
		{out.ChecksumCRC64NVME, func() hash.Hash { return crc64.New(nvme) }},
	} {
		v := aws.ToString(s.value)
		if want, err := base64.StdEncoding.DecodeString(v); v != "" && err == nil {
			return &objects.Sum{Hash: s.h(), Want: want}
		}
	}
	return nil
}
