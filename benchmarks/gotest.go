package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const module = "github.com/millpond/millpond/"

// goTest runs a package's own measurement, which sees what this program cannot: a network and a clock of its own, or an internal package.
func goTest(pkg string, args ...string) (string, error) {
	cmd := exec.Command("go", append([]string{"test", module + pkg, "-count=1", "-v"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out), nil
}

var gapLine = regexp.MustCompile(`(\d+) primaries killed, (\d+) changes acknowledged: no change for (\S+) at p50, (\S+) at p95, (\S+) at most`)

// failover is how long no change is acknowledged when the primary dies, over 50 kills, in a network that takes no time.
func failover(r *report) error {
	out, err := goTest("journal", "-run", "^TestFailover$")
	if err != nil {
		return err
	}
	m := gapLine.FindStringSubmatch(out)
	if m == nil {
		return fmt.Errorf("no line of gaps in %q", out)
	}
	for i, c := range []struct {
		name string
		want float64
	}{{"median", 1000}, {"p95", 2000}, {"longest", 4000}} {
		gap, err := time.ParseDuration(m[3+i])
		if err != nil {
			return err
		}
		ms := float64(gap.Microseconds()) / 1000
		r.line(fmt.Sprintf("no change while the primary dies, %s of %s kills, ms", c.name, m[1]), fmt.Sprintf("%.0f", ms), fmt.Sprint(c.want), atMost(c.want), ms)
	}
	return nil
}

var ringLine = regexp.MustCompile(`(?m)^BenchmarkOwner/(\d+)\S*\s+\d+\s+(.*)$`)

// ringTable is the ring at several sizes of the mesh, beside groupcache/consistenthash with the points that it needs for shares as even.
func ringTable(r *report) error {
	out, err := goTest("peer/internal/ring", "-run", "^$", "-bench", "Owner", "-benchtime", "100000x")
	if err != nil {
		return err
	}
	rows := ringLine.FindAllStringSubmatch(out, -1)
	if len(rows) == 0 {
		return fmt.Errorf("no rows in %q", out)
	}
	for _, row := range rows {
		v, err := metrics(row[2], "ms-build", "hash/build", "MiB", "hash/memory", "%off", "%off-hash", "ns/op", "hash/look-up")
		if err != nil {
			return err
		}
		name := "ring of " + row[1] + ", "
		theirMS, theirMiB := v["ms-build"]*v["hash/build"], v["MiB"]*v["hash/memory"]
		r.line(name+"worst share off the fair one, %", fmt.Sprintf("%.1f", v["%off"]), fmt.Sprintf("%.1f", v["%off-hash"]), atMost(5), v["%off"])
		r.line(name+"owner of a key, against consistenthash", nanos(v["ns/op"]), nanos(v["ns/op"]*v["hash/look-up"]), atLeast(1), v["hash/look-up"])
		r.line(name+"made anew, ms", fmt.Sprintf("%.2f", v["ms-build"]), fmt.Sprintf("%.2f", theirMS), atMost(100), v["ms-build"])
		r.line(name+"MiB", fmt.Sprintf("%.1f", v["MiB"]), fmt.Sprintf("%.1f", theirMiB), atMost(8), v["MiB"])
	}
	return nil
}

// metrics takes apart what a benchmark prints: values and their units, of which some must be there.
func metrics(line string, units ...string) (map[string]float64, error) {
	words := strings.Fields(line)
	v := make(map[string]float64)
	for i := 0; i+1 < len(words); i += 2 {
		x, err := strconv.ParseFloat(words[i], 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		v[words[i+1]] = x
	}
	for _, unit := range units {
		if _, ok := v[unit]; !ok {
			return nil, fmt.Errorf("no %s in %q", unit, line)
		}
	}
	return v, nil
}
