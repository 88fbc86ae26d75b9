package swiftufs_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/troubletest"
)

// TestServerSmallPages: a Swift that is set up to list 300 names at most refuses to be asked for more.
func TestServerSmallPages(t *testing.T) {
	s := connect(t)
	b := s.through(t, call)
	for i := range 120 {
		require.NoError(t, s.c.ObjectPutBytes(t.Context(), s.name, fmt.Sprintf("%s/f%03d", b.prefix, i), nil, ""))
	}
	b.Reset()
	b.On(faultproxy.Rule{Kinds: []string{troubletest.List}, Fault: faultproxy.Answer(http.StatusPreconditionFailed, nil, "Maximum limit is 300"), Match: func(r *http.Request) bool {
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		return err != nil || limit > 300
	}})
	list := func(limit int) (all []string) {
		o := ufs.ListOptions{Limit: limit}
		for {
			page, err := b.store.ListPage(t.Context(), o)
			require.NoError(t, err)
			for _, e := range page.Entries {
				all = append(all, e.Key)
			}
			if o.Token = page.Token; o.Token == "" {
				return all
			}
		}
	}
	require.Len(t, list(0), 120)
	require.Equal(t, 2+2, b.Counts()[troubletest.List], "10,000 and 1,000 are refused, then pages of 100")
	require.Equal(t, 100, b.store.Caps().PageSize)
	for _, limit := range []int{0, 500, 70} {
		v := b.Counts()[troubletest.List]
		require.Len(t, list(limit), 120)
		require.Equal(t, 2, b.Counts()[troubletest.List]-v)
	}
	b.open(t)
	v := b.Counts()[troubletest.List]
	require.Len(t, list(500), 120)
	require.Equal(t, 1+2, b.Counts()[troubletest.List]-v, "500 are refused")
}
