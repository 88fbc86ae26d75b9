package cachefs_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// FuzzCalls: whatever another node asks, the answer is one that it can read, or an error.
func FuzzCalls(f *testing.F) {
	n, err := cachefs.Open(f.Context(), cachefs.Config{})
	require.NoError(f, err)
	f.Cleanup(func() { n.Close() })
	for i := range cachefs.CallMethods {
		for _, req := range []string{`{}`, `{"index":1}`, `{"ino":1,"file":"AAAA","size":-5}`, `{"block":"` + "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" + `","hint":"AQ=="}`, `{"path":"L20=","list":true}`, `[`} {
			f.Add(i, []byte(req))
		}
	}
	f.Fuzz(func(t *testing.T, i int, req []byte) {
		method := cachefs.CallMethods[(i%len(cachefs.CallMethods)+len(cachefs.CallMethods))%len(cachefs.CallMethods)]
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // it waits for nothing
		got, err := cachefs.Serve(ctx, n, method, req)
		if err == nil {
			var reply struct{ Error string }
			require.NoError(t, json.Unmarshal(got, &reply))
		}
	})
}

// FuzzClientCalls: whatever comes for a Client's call, the answer is one that a Client can read, or an error.
func FuzzClientCalls(f *testing.F) {
	n, err := cachefs.Open(f.Context(), cachefs.Config{})
	require.NoError(f, err)
	f.Cleanup(func() { n.Close() })
	methods := cachefs.ClientMethods()
	for i := range methods {
		for _, req := range [][]byte{cachefs.ClientStat("/"), cachefs.ClientStat("/\xff"), nil, {0xc0}, {0x81, 0xa4, 'A', 'r', 'g', 's', 0xdf, 0xff, 0xff, 0xff, 0xff}} {
			f.Add(i, req)
		}
	}
	f.Fuzz(func(t *testing.T, i int, req []byte) {
		method := methods[(i%len(methods)+len(methods))%len(methods)]
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // it waits for nothing, and changes nothing
		if got, err := cachefs.ServeClient(ctx, n, method, req); err == nil {
			require.NoError(t, cachefs.DecodeClientReply(got))
		}
		if err := cachefs.ReadClientHint(req); err != nil {
			require.ErrorIs(t, err, cachefs.ErrInvalid)
		}
	})
}
