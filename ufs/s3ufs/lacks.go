package s3ufs

import (
	"errors"
	"sync/atomic"

	"github.com/millpond/millpond/ufs/driver"
)

// lacks is what a store that is like S3 turned out not to have. It only ever grows.
type lacks struct {
	ifAbsent atomic.Bool // PUT with If-None-Match
	ifMatch  atomic.Bool // PUT with If-Match
	deletion atomic.Bool // DELETE with If-Match
	batch    atomic.Bool // DeleteObjects
	sums     atomic.Bool // x-amz-checksum headers, and sums in the list of an upload's parts
	tidy     atomic.Bool // answers that end where HTTP says
}

// noMatch says whether PUT with If-Match is lacking: S3 itself learned If-None-Match first, and some stores that refuse that ignore
// the other.
func (l *lacks) noMatch() bool { return l.ifMatch.Load() || l.ifAbsent.Load() }

// errAbility is beside the error of a request that a store refused for what it is, not for what it is about: asked
// without the ability, it may do it.
var errAbility = errors.New("perhaps the store cannot do this")

// without calls do with an ability that the store may lack. If it refuses, do is called again without; when that works,
// the lack is remembered and the ability is never tried again.
func without(lack *atomic.Bool, do func(with bool) error) error {
	if lack.Load() {
		return do(false)
	}
	err := do(true)
	if !errors.Is(err, errAbility) && !errors.Is(err, driver.ErrUnsupported) {
		return err
	}
	if plain := do(false); plain != nil {
		return plain
	}
	lack.Store(true)
	return nil
}

func (b *bucket) withSum(do func(sums bool) error) error { return without(&b.lacks.sums, do) }
