package archtest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// clocks are what package time has that looks at a clock, or waits for one.
var clocks = []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep"}

// impure says where a file starts a goroutine or looks at a clock.
func impure(fset *token.FileSet, f *ast.File) (bad []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			bad = append(bad, fmt.Sprintf("%s: a goroutine", fset.Position(n.Pos())))
		case *ast.SelectorExpr:
			from, ok := n.X.(*ast.Ident)
			if ok && from.Name == "time" && slices.Contains(clocks, n.Sel.Name) {
				bad = append(bad, fmt.Sprintf("%s: time.%s", fset.Position(n.Pos()), n.Sel.Name))
			}
		}
		return true
	})
	return bad
}

// TestStateMachineIsPure: the inode tree starts no goroutine and has no clock. What it may import is a rule of imports.
func TestStateMachineIsPure(t *testing.T) {
	looked := 0
	for _, p := range list(t, ".") {
		if !below(p.ImportPath, "internal/namespace") && !below(p.ImportPath, "internal/inodes") {
			continue
		}
		fset, files := parsed(t, p)
		for _, f := range files {
			require.Empty(t, impure(fset, f))
			looked++
		}
	}
	require.Greater(t, looked, 20)
}

func TestImpurityIsSeen(t *testing.T) {
	for src, want := range map[string]int{
		"package p; func f() { go f() }":                                1,
		"package p; import `time`; var now = time.Now":                  1,
		"package p; import `time`; func f() { <-time.After(1) }":        1,
		"package p; import `time`; func f(d time.Duration) {}":          0,
		"package p; import `time`; func f(n int64) { time.Unix(n, 0) }": 0,
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "p.go", src, 0)
		require.NoError(t, err)
		require.Len(t, impure(fset, f), want, src)
	}
}
