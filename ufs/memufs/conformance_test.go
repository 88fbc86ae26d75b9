package memufs_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	ufstest.Run(t, ufstest.Harness{Open: func(testing.TB) *ufs.Store { return memufs.New(nil).UFS() }})
}
