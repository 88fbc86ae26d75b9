package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const run = `{"Action":"output","Package":"p","Test":"T","Output":"=== RUN   T\n"}
{"Action":"output","Package":"p","Test":"T/01_a","Output":"    --- PASS: T/01_a (0.00s)\n"}
{"Action":"pass","Package":"p","Test":"T/01_a"}
{"Action":"output","Package":"p","Test":"T/02_b","Output":"    place.go:35: Caps.Rename\n"}
{"Action":"skip","Package":"p","Test":"T/02_b"}
{"Action":"fail","Package":"p","Test":"T/03_c"}
{"Action":"fail","Package":"p","Test":"T"}
{"Action":"fail","Package":"p"}
{"Action":"pass","Package":"q","Test":"Alone"}
{"Action":"pass","Package":"q"}
`

func TestCounts(t *testing.T) {
	var out bytes.Buffer
	r := result{store: "s3"}
	require.NoError(t, r.read(strings.NewReader(run), &out))
	require.Contains(t, out.String(), "--- PASS: T/01_a", "go test's own lines")
	require.Equal(t, 2, r.passed)
	require.Equal(t, map[string]int{"Caps.Rename": 1}, r.skipped)
	require.Equal(t, []string{"p.T/03_c"}, r.failing)

	out.Reset()
	printTable(&out, []result{r, {store: "hdfs", leftOut: "hdfs: no java"}})
	require.Regexp(t, `s3 +2 +1 +1 +Caps.Rename \(1\)`, out.String())
	require.Contains(t, out.String(), "left out: hdfs: no java")
	require.Contains(t, out.String(), "failed: s3: p.T/03_c")
}

func TestAPackageThatFailsByItself(t *testing.T) {
	r := result{}
	require.NoError(t, r.read(strings.NewReader(`{"Action":"fail","Package":"p"}`), &bytes.Buffer{}))
	require.Equal(t, []string{"p"}, r.failing)
}

func TestASkipWantsANamedReason(t *testing.T) {
	r := result{}
	require.NoError(t, r.read(strings.NewReader(`{"Action":"output","Package":"p","Test":"T","Output":"    place.go:57: Harness.Deny\n"}
{"Action":"skip","Package":"p","Test":"T"}
{"Action":"output","Package":"p","Test":"U","Output":"    place.go:57: known: it forgets\n"}
{"Action":"skip","Package":"p","Test":"U"}
{"Action":"skip","Package":"p","Test":"V"}`), &bytes.Buffer{}))
	require.Equal(t, map[string]int{"known: it forgets": 1}, r.skipped)
	require.Len(t, r.failing, 2)
	require.Contains(t, r.failing[0], `p.T: skipped by neither a capability (Caps.X) nor a defect of the server (known: X): "Harness.Deny"`)
}

func TestARunWithoutTestsFails(t *testing.T) {
	r := result{}
	r.goTest(t.Context(), &bytes.Buffer{}, ".", nil, "-run=^TestNobodyHasThisName$")
	require.Equal(t, []string{"go test in .: no test is named -run=^TestNobodyHasThisName$"}, r.failing)
}

func TestChoose(t *testing.T) {
	all := []store{{name: "a"}, {name: "b"}}
	got, err := choose(all, []string{"b"})
	require.NoError(t, err)
	require.Equal(t, all[1:], got)
	_, err = choose(all, []string{"c"})
	require.ErrorContains(t, err, `no store "c" (have a, b)`)
}
