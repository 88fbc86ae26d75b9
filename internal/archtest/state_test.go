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

// registers reports whether an init does nothing but register a driver.
func registers(path string, init *ast.FuncDecl) bool {
	for _, s := range init.Body.List {
		e, ok := s.(*ast.ExprStmt)
		if !ok {
			return false
		}
		call, ok := e.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		from, ok := f.X.(*ast.Ident)
		if !ok || from.Name != "ufs" || f.Sel.Name != "Register" && f.Sel.Name != "RegisterParser" {
			return false
		}
	}
	return below(path, "ufs") && path != module+"/ufs"
}

// driverRegistry is the one package variable that changes after init.
func driverRegistry(path, name string) bool { return path == module+"/ufs" && name == "registry" }

// faults says what the files of one package do that production code may not: an init that does more than register a driver, a
// package variable, its own or another package's, that is changed outside its declaration.
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
			if fn.Recv == nil && fn.Name.Name == "init" && !registers(path, fn) {
				bad = append(bad, fmt.Sprintf("%s: init", fset.Position(fn.Pos())))
			}
			if fn.Body != nil {
				// The parser resolves what its own file declares. What it does not is a name of another file, or an import:
				// of what the process has, as flag.Usage, a program may change a part.
				counts := func(id *ast.Ident) bool {
					if !names[id.Name] {
						return id.Obj == nil && f.Name.Name != "main"
					}
					return (id.Obj == nil || vars[id.Obj]) && !driverRegistry(path, id.Name)
				}
				bad = append(bad, assignments(fset, fn.Body, counts)...)
			}
		}
	}
	return bad
}

// assignments finds package variables, or parts of them, on the left of =, op=, ++ and --, and as what delete and clear empty: those
// that counts says are one.
func assignments(fset *token.FileSet, body *ast.BlockStmt, counts func(id *ast.Ident) bool) (bad []string) {
	check := func(e ast.Expr) {
		id := root(e)
		if id != nil && counts(id) {
			bad = append(bad, fmt.Sprintf("%s: package variable %s is changed", fset.Position(id.Pos()), id.Name))
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
		case *ast.RangeStmt:
			if s.Tok == token.ASSIGN {
				check(s.Key)
				if s.Value != nil {
					check(s.Value)
				}
			}
		case *ast.CallExpr:
			if f, ok := s.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(s.Args) > 0 {
				check(s.Args[0])
			}
		}
		return true
	})
	return bad
}

// root is the variable that an expression is a part of; nil if it is none.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			if x.Name == "_" {
				return nil
			}
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		default:
			return nil
		}
	}
}

func TestNoHiddenState(t *testing.T) {
	for _, p := range production(t) {
		fset, files := parsed(t, p)
		require.Empty(t, faults(fset, p.ImportPath, files))
	}
}

// parsed are the files of a package.
func parsed(t *testing.T, p pkg) (fset *token.FileSet, files []*ast.File) {
	t.Helper()
	fset = token.NewFileSet()
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
		require.NoError(t, err)
		files = append(files, f)
	}
	return fset, files
}

func TestHiddenStateCanFail(t *testing.T) {
	for _, c := range []struct {
		pkg, src string
		want     int
	}{
		{"p", "package p; func init() {}", 1},
		{"p", "package p; var n int; func f() { n = 1 }", 1},
		{"p", "package p; var n int; func f() { n++ }", 1},
		{"p", "package p; var n int; func f() { n += 2 }", 1},
		{"p", "package p; var n map[int]int; func f() { n[1] = 2 }", 1},
		{"p", "package p; var n map[int]int; func f() { delete(n, 1) }", 1},
		{"p", "package p; var n struct{ a []int }; func f() { n.a[1]++ }", 1},
		{"p", "package p; var n *int; func f() { *n = 1 }", 1},
		{"p", "package p; var n int; func f() { for n = range 3 {} }", 1},
		{"p", "package p; var n int; func f() { n := 1; n = 2; _ = n }", 0},
		{"p", "package p; var n int; func f(n []int) { n[0] = 2 }", 0},
		{"p", "package p; var _ = 1; func f() int { return 2 }", 0},
		{"ufs", "package ufs; var registry = map[string]int{}; func f() { registry[`a`] = 1 }", 0},
		{"ufs", "package ufs; var others = map[string]int{}; func f() { others[`a`] = 1 }", 1},
		{"ufs/a", "package a; func init() { ufs.Register(`a`, open) }", 0},
		{"ufs/a", "package a; func init() { ufs.Register(`a`, open); start() }", 1},
		{"tier", "package tier; func init() { ufs.Register(`a`, open) }", 1},
		{"p", "package p; import `net/http`; func f() { http.DefaultClient = nil }", 1},
		{"p", "package p; import `os`; func f() { os.Args[0] = `a` }", 1},
		{"p", "package p; import `net/http`; func f(http struct{ a int }) { http.a = 1 }", 0},
		{"p", "package main; import `flag`; func f() { flag.Usage = nil }", 0},
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "p.go", c.src, 0)
		require.NoError(t, err)
		require.Len(t, faults(fset, module+"/"+c.pkg, []*ast.File{f}), c.want, c.src)
	}
}
