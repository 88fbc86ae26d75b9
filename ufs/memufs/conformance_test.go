package memufs_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kinds are stores as they are and as a test may want them.
func kinds() map[string]driver.Caps {
	poor := memufs.Bucket()
	poor.IfAbsent, poor.IfVersion, poor.Copy, poor.DeleteVersion, poor.BatchDelete, poor.PageSize = false, false, false, false, 0, 7
	noList := memufs.Bucket()
	noList.NoList = true
	readOnly := memufs.Directory()
	readOnly.ReadOnly = true
	return map[string]driver.Caps{"directory": memufs.Directory(), "bucket": memufs.Bucket(), "poor bucket": poor, "no list": noList, "read-only": readOnly}
}

func TestConformance(t *testing.T) {
	for name, caps := range kinds() {
		t.Run(name, func(t *testing.T) {
			stores := map[*ufs.Store]*memufs.Store{}
			ufstest.Run(t, ufstest.Harness{
				Open: func(testing.TB) *ufs.Store {
					s := memufs.New(&memufs.Options{Caps: &caps})
					stores[s.UFS()] = s
					return s.UFS()
				},
				PutRaw: func(_ testing.TB, s *ufs.Store, key string, data []byte) { stores[s].Put(key, data) },
				Deny: func(_ testing.TB, s *ufs.Store, key string) *ufs.Store {
					stores[s].OnCall(func(_, k string) error {
						if k == key {
							return driver.ErrPermission
						}
						return nil
					})
					return s
				},
			})
		})
	}
}
