package archtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/millpond/millpond"

// pkg is what go list says of a package.
type pkg struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
	Standard        bool
	Module          *struct{ Path string }
}

// list runs go list over the module in dir of the repository: "." is the core.
func list(t *testing.T, dir string, args ...string) []pkg {
	t.Helper()
	return listOn(t, runtime.GOOS, dir, args...)
}

// listOn lists what is built for another system.
func listOn(t *testing.T, goos, dir string, args ...string) []pkg {
	t.Helper()
	args = append([]string{"list", "-json=ImportPath,Dir,GoFiles,Imports,Standard,Module"}, args...)
	cmd := exec.Command("go", append(args, "./...")...)
	cmd.Dir = filepath.Join("../..", dir)
	cmd.Env = append(cmd.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOOS="+goos)
	out, err := cmd.Output()
	require.NoError(t, err)
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return pkgs
		}
		require.NoError(t, err)
		pkgs = append(pkgs, p)
	}
}

// systems are those that people develop on: each has files of its own.
var systems = []string{"linux", "darwin", "windows"}

// modules are those of go.work but benchmarks, which is no production code.
func modules(t *testing.T) (dirs []string) {
	t.Helper()
	out, err := exec.Command("go", "work", "edit", "-json", "../../go.work").Output()
	require.NoError(t, err)
	var work struct{ Use []struct{ DiskPath string } }
	require.NoError(t, json.Unmarshal(out, &work))
	for _, u := range work.Use {
		if u.DiskPath != "./benchmarks" {
			dirs = append(dirs, u.DiskPath)
		}
	}
	require.Greater(t, len(dirs), 5)
	return dirs
}

// production is all production code: the core's for each system, that of the other modules for this one.
func production(t *testing.T) (pkgs []pkg) {
	t.Helper()
	for _, dir := range modules(t) {
		if dir != "." {
			pkgs = append(pkgs, list(t, dir)...)
		}
	}
	for _, goos := range systems {
		pkgs = append(pkgs, listOn(t, goos, ".")...)
	}
	return pkgs
}

// rule keeps packages below from away from packages below to.
type rule struct{ from, to, why string }

var rules = []rule{
	{"tier", "journal", "the four packages below cachefs do not know each other"},
	{"tier", "peer", "the four packages below cachefs do not know each other"},
	{"tier", "ufs", "the four packages below cachefs do not know each other"},
	{"journal", "tier", "the four packages below cachefs do not know each other"},
	{"journal", "peer", "the four packages below cachefs do not know each other"},
	{"journal", "ufs", "the four packages below cachefs do not know each other"},
	{"ufs", "tier", "the four packages below cachefs do not know each other"},
	{"ufs", "journal", "the four packages below cachefs do not know each other"},
	{"ufs", "peer", "the four packages below cachefs do not know each other"},
	{"peer", "tier", "the four packages below cachefs do not know each other"},
	{"peer", "journal", "the four packages below cachefs do not know each other"},
	{"peer", "ufs", "the four packages below cachefs do not know each other"},
	{"tier", "cachefs", "imports point down"},
	{"journal", "cachefs", "imports point down"},
	{"ufs", "cachefs", "imports point down"},
	{"peer", "cachefs", "imports point down"},
	{"internal", "cachefs", "imports point down"},
	{"internal/namespace", "tier", "the inode tree knows no blocks"},
	{"internal/namespace", "journal", "the inode tree knows no log"},
	{"internal/namespace", "peer", "the inode tree knows no peers"},
	{"internal/namespace", "internal/vfs", "the state machine does no I/O"},
	{"internal/inodes", "internal/vfs", "the state machine does no I/O"},
	{"tier", "internal/namespace", "tiers know no files"},
	{"journal", "internal/namespace", "the journal carries bytes to a state machine"},
	{"peer", "internal/namespace", "peers know no inodes"},
	{"ufs", "internal/namespace", "stores know no paths of the namespace"},
	{"tier", "internal/inodes", "tiers know no files"},
	{"journal", "internal/inodes", "the journal carries bytes to a state machine"},
	{"peer", "internal/inodes", "peers know no inodes"},
	{"ufs", "internal/inodes", "stores know no paths of the namespace"},
	{"internal/inodes", "internal/namespace", "the table knows no commands"},
	{"internal/backups", "journal", "backups are bytes to it"},
	{"internal/vfs", "tier", "the disk knows nothing above it"},
	{"internal/vfs", "journal", "the disk knows nothing above it"},
	{"internal/vfs", "peer", "the disk knows nothing above it"},
	{"internal/vfs", "ufs", "the disk knows nothing above it"},
	{"internal/vfs", "internal/namespace", "the disk knows nothing above it"},
	{"cachefs", "examples", "imports point down"},
	{"tier", "examples", "imports point down"},
	{"journal", "examples", "imports point down"},
	{"peer", "examples", "imports point down"},
	{"ufs", "examples", "imports point down"},
}

// harness starts nodes as other programs do, and nothing imports it.
const harness = "internal/harness"

func below(path, dir string) bool {
	full := module + "/" + dir
	return path == full || strings.HasPrefix(path, full+"/")
}

// broken says which imports break a rule.
func broken(pkgs []pkg) (bad []string) {
	for _, p := range pkgs {
		for _, imp := range p.Imports {
			for _, r := range rules {
				if below(p.ImportPath, r.from) && below(imp, r.to) && !below(p.ImportPath, harness) {
					bad = append(bad, fmt.Sprintf("%s imports %s: %s", p.ImportPath, imp, r.why))
				}
			}
			if forTests(imp) && !fake(p.ImportPath) {
				bad = append(bad, fmt.Sprintf("%s imports %s: only packages named *test may", p.ImportPath, imp))
			}
			if (below(p.ImportPath, "internal/namespace") || below(p.ImportPath, "internal/inodes")) && slices.Contains([]string{"os", "net", "net/http", "os/exec", "log", "log/slog", module + "/ufs"}, imp) {
				bad = append(bad, fmt.Sprintf("%s imports %s: the state machine does no I/O", p.ImportPath, imp))
			}
		}
	}
	return bad
}

// fake reports whether a package is one of those for tests.
func fake(path string) bool { return strings.HasSuffix(path, "test") }

// forTests reports whether a package is testing, or one that may bring it along.
func forTests(path string) bool {
	return path == "testing" || strings.HasPrefix(path, "testing/") || fake(path)
}

func TestImportsPointDown(t *testing.T) {
	pkgs := production(t)
	require.Greater(t, len(pkgs), 100)
	require.Empty(t, broken(pkgs))
}

func TestImportRulesCanFail(t *testing.T) {
	for _, p := range []pkg{
		{ImportPath: module + "/tier", Imports: []string{module + "/ufs/driver"}},
		{ImportPath: module + "/journal/internal/seglog", Imports: []string{module + "/tier"}},
		{ImportPath: module + "/internal/vfs", Imports: []string{module + "/cachefs"}},
		{ImportPath: module + "/cachefs", Imports: []string{"testing"}},
		{ImportPath: module + "/ufs/s3ufs", Imports: []string{"testing"}},
		{ImportPath: module + "/peer/internal/link", Imports: []string{module + "/internal/inodes"}},
		{ImportPath: module + "/internal/namespace", Imports: []string{"os"}},
		{ImportPath: module + "/internal/namespace", Imports: []string{module + "/internal/vfs"}},
		{ImportPath: module + "/ufs/s3ufs", Imports: []string{module + "/examples/internal/wordjob"}},
		{ImportPath: module + "/cachefs", Imports: []string{module + "/ufs/ufstest"}},
		{ImportPath: module + "/tier", Imports: []string{"testing/fstest"}},
		{ImportPath: module + "/peer", Imports: []string{"testing/synctest"}},
	} {
		require.Len(t, broken([]pkg{p}), 1, "%v", p)
	}
	require.Empty(t, broken([]pkg{{ImportPath: module + "/ufs/ufstest", Imports: []string{"testing", module + "/ufs"}}}))
}

// mostModules is how many modules the core may link: light dependencies are the first thing users ask for.
const mostModules = 32

var unwelcome = []string{
	"github.com/aws/", "cloud.google.com/", "github.com/Azure/", "github.com/colinmarc/hdfs", "github.com/ncw/swift",
	"google.golang.org/grpc", "github.com/prometheus/client_golang", "go.opentelemetry.io/otel/exporters", "gocloud.dev",
}

func TestCoreIsLight(t *testing.T) {
	modules := map[string]bool{}
	for _, p := range list(t, ".", "-deps") {
		if p.Module != nil && p.Module.Path != module {
			modules[p.Module.Path] = true
		}
	}
	t.Logf("the core links %d modules", len(modules))
	require.LessOrEqual(t, len(modules), mostModules)
	for m := range modules {
		for _, u := range unwelcome {
			require.False(t, strings.HasPrefix(m+"/", u) || strings.HasPrefix(m, u), "the core links %s", m)
		}
	}
}
