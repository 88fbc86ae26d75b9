package objects_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

// TestDeleteTakesWhatItSaw: what is written between Delete's look and its request stays, if the bucket takes a condition.
func TestDeleteTakesWhatItSaw(t *testing.T) {
	for _, c := range []struct {
		lacks    bool
		replaced int // deletions that come too late
		want     error
		left     int
	}{{false, 0, nil, 0}, {false, 2, nil, 0}, {false, 3, driver.ErrChanged, 1}, {true, 1, nil, 0}} {
		var b *objectstest.Bucket
		n := c.replaced
		o := &objectstest.Options{Lacks: objects.Features{DeleteVersion: c.lacks}, OnRequest: func(op, name string) error {
			if op == "delete" && n > 0 {
				n--
				b.Set(name, "written since")
			}
			return nil
		}}
		s, bucket := open(o, "place/", "place/f")
		b = bucket
		require.ErrorIs(t, s.Delete(t.Context(), "f"), c.want)
		require.Len(t, b.Names(), c.left)
	}
}

// TestDeleteWhereConditionsFail: a store that takes what it has told for changed.
func TestDeleteWhereConditionsFail(t *testing.T) {
	refused := 0
	s, b := open(&objectstest.Options{OnRequest: func(op, _ string) error {
		if op == "delete" && refused == 0 {
			refused++
			return driver.ErrChanged
		}
		return nil
	}}, "", "f")
	require.NoError(t, s.Delete(t.Context(), "f"))
	require.Empty(t, b.Names())
	require.Equal(t, 1, refused)
}

// TestDeleteOfWhatGoes: who deletes it first is no reason to say that it changed.
func TestDeleteOfWhatGoes(t *testing.T) {
	var b *objectstest.Bucket
	s, bucket := open(&objectstest.Options{OnRequest: func(op, name string) error {
		if op == "delete" && b != nil {
			gone := b
			b = nil
			return gone.Delete(t.Context(), name)
		}
		return nil
	}}, "", "f")
	a, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	b = bucket
	require.ErrorIs(t, s.(driver.VersionDeleter).DeleteVersion(t.Context(), "f", a.Version), driver.ErrNotExist)
	bucket.Set("f", "again")
	b = bucket
	require.ErrorIs(t, s.Delete(t.Context(), "f"), driver.ErrNotExist)
	bucket.Set("f", "again")
	require.ErrorIs(t, s.(driver.VersionDeleter).DeleteVersion(t.Context(), "f", a.Version), driver.ErrChanged)
}
