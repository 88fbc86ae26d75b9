package troubletest

import (
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func accessItems() []item {
	return []item{
		{"clock_that_is_wrong", wrongClock},
		{"expired_credentials_are_refreshed", expiredCredentials},
		{"bucket_that_does_not_exist", missingBucket},
		{"may_not_list_but_read", mayNotList},
		{"may_list_but_not_read", mayNotRead},
	}
}

func wrongClock(p *place) {
	p.put("f", pattern(100))
	s, say := p.h.WrongClock(p.TB, p.Proxy, p.s)
	_, err := s.ReadAt(p.Context(), "f", "", make([]byte, 1), 0)
	require.ErrorContains(p, err, say)
	require.NotErrorIs(p, err, driver.ErrNotExist)
}

func expiredCredentials(p *place) {
	p.put("f", pattern(100))
	s, asked := p.h.Expiring(p.TB, p.Proxy, p.s)
	got := make([]byte, 100)
	_, err := s.ReadAt(p.Context(), "f", "", got, 0)
	require.NoError(p, err)
	require.Equal(p, pattern(100), got)
	require.Equal(p, 2, asked())
}

func missingBucket(p *place) {
	s := p.h.NoBucket(p.TB, p.URL())
	for call, try := range map[string]func() error{
		"stat":  func() error { _, err := s.Stat(p.Context(), "f"); return err },
		"list":  func() error { _, err := s.ListPage(p.Context(), ufs.ListOptions{}); return err },
		"write": func() error { q := *p; q.s = s; return q.write(p.Context(), "f", 10) },
	} {
		err := try()
		require.ErrorIs(p, err, driver.ErrInvalid, call)
		require.NotErrorIs(p, err, driver.ErrNotExist, "%s: a bucket that is gone is not files that are gone", call)
	}
}

func mayNotList(p *place) {
	p.put("f", pattern(100))
	p.meet(List, 0, p.h.Refuse(403, 0))
	got, err := p.readAll("f", "", 100)
	require.NoError(p, err)
	require.Equal(p, pattern(100), got)
	_, err = p.s.ListPage(p.Context(), ufs.ListOptions{})
	require.ErrorIs(p, err, driver.ErrPermission)
	_, err = p.s.Stat(p.Context(), "missing")
	require.ErrorIs(p, err, driver.ErrPermission, "whether it is a directory cannot be known")
}

func mayNotRead(p *place) {
	p.put("f", pattern(100))
	for _, kind := range []string{Get, Head} {
		p.meet(kind, 0, p.h.Refuse(403, 0))
	}
	page, err := p.s.ListPage(p.Context(), ufs.ListOptions{})
	require.NoError(p, err)
	require.Len(p, page.Entries, 1)
	require.EqualValues(p, 100, page.Entries[0].Size)
	_, err = p.s.ReadAt(p.Context(), "f", page.Entries[0].Version, make([]byte, 1), 0)
	require.ErrorIs(p, err, driver.ErrPermission)
	require.NotErrorIs(p, err, driver.ErrNotExist)
}
