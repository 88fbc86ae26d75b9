package swiftufs_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/ncw/swift/v2"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// keystone is version 3 of OpenStack's identity service, as far as a login by password goes: it knows one user, gives him
// the token of a login of version 1 at the real server, and says where that is.
type keystone struct {
	*httptest.Server
	mu     sync.Mutex
	token  string // that it gives out
	logins int
}

func newKeystone(t *testing.T, storage string) *keystone {
	k := &keystone{}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Auth struct {
				Identity struct {
					Password struct {
						User struct {
							Name, Password string
							Domain         struct{ Name string }
						}
					}
				}
				Scope struct{ Project struct{ Name string } }
			}
		}
		err := json.NewDecoder(r.Body).Decode(&q)
		u := q.Auth.Identity.Password.User
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v3/auth/tokens" || u.Name != "miller" || u.Password != "hunter2" ||
			u.Domain.Name != "mill" || q.Auth.Scope.Project.Name != "pond" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.logins++
		w.Header().Set("X-Subject-Token", k.token)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"token":{"expires_at":%q,"catalog":[{"type":"object-store","endpoints":[`+
			`{"interface":"public","region":"elsewhere","url":"http://127.0.0.1:1"},{"interface":"public","region":"here","url":%q}]}]}}`,
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339), storage)
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *keystone) give(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.token = token
}

func (k *keystone) asked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.logins
}

// version3 sets the environment of a user of the identity service, and nobody else's.
func version3(t *testing.T, authURL, password string) {
	for _, name := range []string{"ST_AUTH", "ST_USER", "ST_KEY", "ST_AUTH_VERSION"} {
		t.Setenv(name, "")
	}
	for name, value := range map[string]string{
		"OS_AUTH_URL": authURL, "OS_USERNAME": "miller", "OS_PASSWORD": password, "OS_USER_DOMAIN_NAME": "mill", "OS_PROJECT_NAME": "pond", "OS_REGION_NAME": "here",
	} {
		t.Setenv(name, value)
	}
}

// TestServerVersion3: who logs in by version 3 works at the real server, in the region that he names, and logs in again when
// his token is refused. A wrong password is ErrPermission.
func TestServerVersion3(t *testing.T) {
	s := connect(t)
	k := newKeystone(t, s.c.StorageUrl)
	version3(t, k.URL+"/v3", "wrong")
	url := "swift://" + s.name + "/p"
	_, err := ufs.Open(t.Context(), url, nil)
	require.ErrorIs(t, err, driver.ErrPermission)

	version3(t, k.URL+"/v3", "hunter2")
	k.give("no token of anybody's")
	st, err := ufs.Open(t.Context(), url, &ufs.Options{Attempts: 1})
	require.NoError(t, err)
	defer st.Close()
	require.Equal(t, 1, k.asked())
	k.give(s.c.AuthToken)
	w, err := st.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write([]byte("content"))
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, k.asked(), "the first token was refused")
	got, err := s.c.ObjectGetBytes(t.Context(), s.name, "p/f")
	require.NoError(t, err)
	require.Equal(t, "content", string(got))
	page, err := st.ListPage(t.Context(), ufs.ListOptions{})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	require.Equal(t, 2, k.asked())
}

// TestServerDynamicLargeObject: one that somebody else wrote is read, whole and in ranges over its segments, has its whole
// size, and leaves its segments when it is deleted: others may use them.
func TestServerDynamicLargeObject(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p")
	want := make([]byte, 0, 3000)
	require.NoError(t, s.c.ContainerCreate(t.Context(), s.name+"_segments", nil))
	for i := range 3 {
		segment := make([]byte, 1000)
		for j := range segment {
			segment[j] = byte(i + j)
		}
		want = append(want, segment...)
		require.NoError(t, s.c.ObjectPutBytes(t.Context(), s.name+"_segments", fmt.Sprintf("others/%d", i), segment, ""))
	}
	_, err := s.c.ObjectPut(t.Context(), s.name, "p/f", http.NoBody, false, "", "", swift.Headers{"X-Object-Manifest": s.name + "_segments/others/"})
	require.NoError(t, err)
	a, err := st.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.EqualValues(t, 3000, a.Size)
	for _, r := range [][2]int{{0, 3000}, {900, 1200}, {2999, 1}} {
		got := make([]byte, r[1])
		_, err = st.ReadAt(t.Context(), "f", a.Version, got, int64(r[0]))
		require.NoError(t, err)
		require.Equal(t, want[r[0]:r[0]+r[1]], got)
	}
	require.NoError(t, st.Delete(t.Context(), "f"))
	require.Len(t, s.names(t, s.name+"_segments", "others/"), 3)
}
