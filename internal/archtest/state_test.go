package archtest_test

//lint:file-ignore SA1019 the parser's own resolution is enough to tell a local name from a package's

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// mayInit are the packages whose init registers a driver.
func mayInit(path string) bool { return below(path, "ufs") && path != module+"/ufs" }

// faults says what the files of one package do that production code may not: an init that registers nothing, a package
// variable that is assigned outside its declaration.
func faults(fset *token.FileSet, path string, files []*ast.File) (bad []string) {
	vars := map[*ast.Object]bool{}
	names := map[string]bool{}
	for _, f := range files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					names[n.Name] = true
					if n.Obj != nil {
						vars[n.Obj] = true
					}
				}
			}
		}
	}
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if fn.Recv == nil && fn.Name.Name == "init" && !mayInit(path) {
				bad = append(bad, fmt.Sprintf("%s: init", fset.Position(fn.Pos())))
			}
			if fn.Body != nil {
				bad = append(bad, assignments(fset, fn.Body, vars, names)...)
			}
		}
	}
	return bad
}

// assignments finds package variables on the left of =, op=, ++ and --. An identifier that the parser resolved in its own
// file is that object; one that it did not is a package-level name of another file.
func assignments(fset *token.FileSet, body *ast.BlockStmt, vars map[*ast.Object]bool, names map[string]bool) (bad []string) {
	check := func(e ast.Expr) {
		id, ok := e.(*ast.Ident)
		if ok && id.Name != "_" && (id.Obj != nil && vars[id.Obj] || id.Obj == nil && names[id.Name]) {
			bad = append(bad, fmt.Sprintf("%s: package variable %s is assigned", fset.Position(id.Pos()), id.Name))
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE {
				for _, l := range s.Lhs {
					check(l)
				}
			}
		case *ast.IncDecStmt:
			check(s.X)
		}
		return true
	})
	return bad
}

func TestNoHiddenState(t *testing.T) {
	for _, p := range list(t, false) {
		fset := token.NewFileSet()
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
			require.NoError(t, err)
			files = append(files, f)
		}
		require.Empty(t, faults(fset, p.ImportPath, files))
	}
}

func TestHiddenStateCanFail(t *testing.T) {
	for _, c := range []struct {
		src  string
		want int
	}{
		{"package p; func init() {}", 1},
		{"package p; var n int; func f() { n = 1 }", 1},
		{"package p; var n int; func f() { n++ }", 1},
		{"package p; var n int; func f() { n += 2 }", 1},
		{"package p; var n int; func f() { n := 1; n = 2; _ = n }", 0},
		{"package p; var _ = 1; func f() int { return 2 }", 0},
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "p.go", c.src, 0)
		require.NoError(t, err)
		require.Len(t, faults(fset, module+"/p", []*ast.File{f}), c.want, c.src)
	}
}
