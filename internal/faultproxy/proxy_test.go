package faultproxy_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/faultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stand is a server of one text, the proxy in front, and a client.
type stand struct {
	*faultproxy.Proxy
	client *http.Client
	asked  atomic.Int32 // requests that reached the server whole
	got    atomic.Pointer[[]byte]
}

const text = "a body that is long enough to be cut in its middle"

func newStand(t *testing.T) *stand {
	s := &stand{client: &http.Client{Transport: &http.Transport{}}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.asked.Add(1)
		s.got.Store(&b)
		w.Header().Set("X-Host", r.Host)
		io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	p, err := faultproxy.Start(server.URL, nil)
	require.NoError(t, err)
	s.Proxy = p
	t.Cleanup(func() { require.NoError(t, p.Close()); s.client.CloseIdleConnections() })
	return s
}

func (s *stand) get(ctx context.Context) (*http.Response, string, error) {
	return s.do(ctx, http.MethodGet, nil)
}

func (s *stand) do(ctx context.Context, method string, body io.Reader) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.URL(), body)
	if err != nil {
		return nil, "", err
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

func TestPassesAndCounts(t *testing.T) {
	s := newStand(t)
	resp, body, err := s.get(t.Context())
	require.NoError(t, err)
	require.Equal(t, text, body)
	require.Equal(t, "http://"+resp.Header.Get("X-Host"), s.URL(), "the Host that the client named")
	_, _, err = s.do(t.Context(), http.MethodPost, strings.NewReader("sent"))
	require.NoError(t, err)
	require.Equal(t, "sent", string(*s.got.Load()))
	require.Equal(t, map[string]int{"GET": 1, "POST": 1}, s.Counts())
	s.Reset()
	require.Empty(t, s.Counts())
}

func TestRulesPick(t *testing.T) {
	s := newStand(t)
	s.On(faultproxy.Rule{Kinds: []string{"POST"}, Fault: faultproxy.Answer(418, nil, "")})
	s.On(faultproxy.Rule{Kinds: []string{"GET"}, Skip: 1, Times: 2, Fault: faultproxy.Answer(503, http.Header{"Retry-After": {"7"}}, "busy")})
	var got []int
	for range 4 {
		resp, body, err := s.get(t.Context())
		require.NoError(t, err)
		got = append(got, resp.StatusCode)
		if resp.StatusCode == 503 {
			require.Equal(t, "busy", body)
			require.Equal(t, "7", resp.Header.Get("Retry-After"))
		}
	}
	require.Equal(t, []int{200, 503, 503, 200}, got)
	require.EqualValues(t, 2, s.asked.Load(), "what the proxy answers does not reach the server")
}

func TestBodiesThatBreak(t *testing.T) {
	flipped := []byte(text)
	flipped[7] ^= 1
	for name, c := range map[string]struct {
		fault faultproxy.Fault
		body  string
		fails bool
	}{
		"cut":   {faultproxy.Cut(7), text[:7], true},
		"short": {faultproxy.Short(5), text[:len(text)-5], false},
		"flip":  {faultproxy.Flip(7), string(flipped), false},
		"delay": {faultproxy.Delay(time.Millisecond), text, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.On(faultproxy.Rule{Fault: c.fault})
			_, body, err := s.get(t.Context())
			require.Equal(t, c.body, body)
			require.Equal(t, c.fails, err != nil, "%v", err)
			require.EqualValues(t, 1, s.asked.Load())
		})
	}
}

func TestRequestsThatBreak(t *testing.T) {
	sent := strings.Repeat("sent", 1000)
	for name, c := range map[string]struct {
		fault faultproxy.Fault
		asked int32
	}{
		"reset":     {faultproxy.Reset(), 0},
		"later":     {faultproxy.ResetAfter(7), 1},
		"lost":      {faultproxy.Lost(), 1},
		"cutupload": {faultproxy.CutUpload(100), 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.On(faultproxy.Rule{Fault: c.fault})
			_, _, err := s.do(t.Context(), http.MethodPost, bytes.NewReader([]byte(sent)))
			require.Error(t, err)
			require.Equal(t, c.asked, s.asked.Load())
		})
	}
}

func TestFlippedUpload(t *testing.T) {
	s := newStand(t)
	s.On(faultproxy.Rule{Fault: faultproxy.FlipUpload(70_000)}) // past the first piece that is read
	sent := []byte(strings.Repeat("sent", 25_000))
	_, _, err := s.do(t.Context(), http.MethodPost, bytes.NewReader(sent))
	require.NoError(t, err)
	sent[70_000] ^= 1
	require.True(t, bytes.Equal(sent, *s.got.Load()))
}

func TestStallsEndWithTheCaller(t *testing.T) {
	for name, f := range map[string]faultproxy.Fault{"stall": faultproxy.Stall(7), "silence": faultproxy.Silence()} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.On(faultproxy.Rule{Fault: f})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, body, err := s.get(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Contains(t, []string{"", text[:7]}, body)
		})
	}
}

func TestGivenUpIsNotHeardOf(t *testing.T) {
	s := newStand(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.On(faultproxy.Rule{Fault: faultproxy.GivenUp(cancel)})
	_, _, err := s.get(ctx)
	require.ErrorIs(t, err, context.Canceled)
	s.Reset()
	_, body, err := s.get(t.Context())
	require.NoError(t, err)
	require.Equal(t, text, body)
	require.EqualValues(t, 1, s.asked.Load(), "the one that was given up was not passed on")
}

func TestKindsOfS3(t *testing.T) {
	for line, kind := range map[string]string{
		"GET /b?list-type=2": "list", "GET /b/k": "get", "HEAD /b/k": "head", "PUT /b/k": "put", "PUT /b/k?partNumber=1": "part", "POST /b/k?uploads": "begin",
		"POST /b/k?uploadId=1": "complete", "DELETE /b/k?uploadId=1": "abort", "DELETE /b/k": "delete", "POST /b?delete": "batch", "GET /b?uploads": "GET /b",
	} {
		method, path, _ := strings.Cut(line, " ")
		require.Equal(t, kind, faultproxy.S3(httptest.NewRequest(method, path, nil)), line)
	}
	r := httptest.NewRequest(http.MethodPut, "/b/k", nil)
	r.Header.Set("X-Amz-Copy-Source", "b/other")
	require.Equal(t, "copy", faultproxy.S3(r))
}

// TestRate: all answers together get what the rate is.
func TestRate(t *testing.T) {
	s := newStand(t)
	s.On(faultproxy.Rule{Fault: faultproxy.NewPace(int64(10 * len(text))).Fault()})
	began := time.Now()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			_, body, err := s.get(t.Context())
			if err != nil || body != text {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
	all.Wait()
	require.Greater(t, time.Since(began), 350*time.Millisecond, "four tenths of a second, and 20 ms that may be made up for")
}
