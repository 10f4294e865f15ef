package page

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	pathpkg "path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var format = regexp.MustCompile(`%[0-9]*[a-zA-Z%]`)

// Where errors are made that no page shows, and why not; a path names a file or a folder.
// What is refused there is looked for by TestRefusalsAreSaid.
var unshown = map[string]string{
	"instance/access":                "faults of the database and of chance at the door are ours: their text goes to the log alone",
	"instance/archive":               "what an import could not read is told to the program that imports, and on the command line",
	"instance/checks/checks.go":      "that a check could not run is a fault of ours; what it found is looked for by itself",
	"instance/desk":                  "its errors are of the database, or say that something is not there, which has words of its own",
	"instance/directory/browse.go":   "its errors are of the database",
	"instance/directory/complete.go": "its errors are of the database",
	"instance/directory/refresh.go":  "a worker tells the log",
	"instance/dispatches/mend.go":    "a worker tells the log",
	"instance/dispatches/sweep.go":   "a worker tells the log",
	"instance/dispatches/watch.go":   "a worker tells the log",
	"instance/accounts/accounts.go":  "its errors are of the database",
	"instance/guests":                "its errors are of the database",
	"instance/search":                "its errors are of the database, and the indexer tells the log",
	"federation/deliver/record.go":   "a worker tells the log",
	"federation/deliver/worker.go":   "a worker tells the log",
	"federation/keyring/seal.go":     "the seal key is read at the start, before there is a page",
	"federation/keyring/keyring.go":  "that a key cannot be made is a fault of ours",
	"federation/remote/client.go":    "the settings of the network are read at the start",
	"federation/remote/dial.go":      "the settings of the network are read at the start",
	"models/community_figures.go":    "a fault of the program",
	"models/db.go":                   "the database is opened at the start; the others are faults of the program",
	"models/desk.go":                 "a fault of the program",
	"models/instance.go":             "read at the start",
	"models/migrations":              "they run at the start",
	"models/modeltest":               "it serves tests",
	"models/presence.go":             "taken at the start",
	"models/search.go":               "the indexer tells the log",
	"models/search_find.go":          "a fault of the program",
	"models/statements.go":           "a fault of the program",
	"models/files/sweep.go":          "a worker tells the log",
	"models/files/files.go":          "opened at the start",
}

// Every sentence of an error that a page can show is there in every language: what is
// wrong with a foreign document, signature, proof, key or name, what a peer answered, what
// a check found, and each link of the chains that they come in.
func TestSentencesAreSaid(t *testing.T) {
	c, err := openCatalogue(nil)
	if err != nil {
		t.Fatal(err)
	}
	n, spared := 0, map[string]bool{}
	for _, root := range []string{"federation", "instance", "models"} {
		err := filepath.WalkDir("../../"+root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			name := strings.TrimPrefix(filepath.ToSlash(path), "../../")
			at := name
			for at != "." && unshown[at] == "" {
				at = pathpkg.Dir(at)
			}
			ast.Inspect(file, func(node ast.Node) bool {
				if _, code := refusalIn(node); c.keys["fr"]["page.problem.whole."+code] != nil || strings.HasPrefix(code, "not-found") {
					return true // the page has words of its own for the code
				}
				for _, sample := range sentencesIn(node, name) {
					n++
					for _, l := range Languages[1:] {
						if got, code := c.refusal(l.Tag, sample), c.refusal(l.Tag, "bad-proof: "+sample); got != sample && code != beside(l.Tag, "bad-proof")+": "+got {
							t.Errorf("%s: after a code %s says %q as %q", set.Position(node.Pos()), l.Name, sample, code)
						}
						if got := c.refusal(l.Tag, sample); got == sample || !c.whole(sample) || strings.Count(got, "Paris") < strings.Count(sample, "Paris") || strings.Count(got, "Rome") < strings.Count(sample, "Rome") {
							if at != "." {
								spared[at] = true
								continue
							}
							t.Errorf("%s: %s says %q as %q", set.Position(node.Pos()), l.Name, sample, got)
						}
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for at := range unshown {
		if !spared[at] {
			t.Errorf("%s makes nothing that a page could not say: take it out of the list", at)
		}
	}
	if n < 900 {
		t.Errorf("only %d sentences were found", n)
	}
}

// whole tells whether nothing of a sample is English that a wider sentence took for
// somebody's own words.
func (c *catalogue) whole(text string) bool {
	if _, err := strconv.Atoi(text); err == nil || text == "Paris" || text == `"Rome"` {
		return true
	}
	p, found := c.phrases.closed(text)
	if p == nil {
		if m := headed.FindStringSubmatch(text); m != nil && c.whole(m[1]) && c.whole(m[2]) {
			return true
		}
		p, found = c.phrases.opened(text)
	}
	if p == nil {
		return false
	}
	for _, value := range found[1:] {
		if !c.whole(value) {
			return false
		}
	}
	return true
}

// sentencesIn are the sentences that node makes, with a word or a number at each verb.
func sentencesIn(node ast.Node, path string) (out []string) {
	add := func(e ast.Expr, args []ast.Expr) bool {
		s := sample(e, args)
		plain := strings.NewReplacer("Paris", "", `"Rome"`, "", "7", "").Replace(s)
		if !strings.Contains(s, " ") || strings.HasPrefix(s, "SELECT ") || strings.Trim(plain, " :,;()%") == "" {
			return false
		}
		out = append(out, s)
		return true
	}
	switch n := node.(type) {
	case *ast.CallExpr:
		switch called(n.Fun) {
		case "Errorf", "New", "faultf", "hide", "fault", "fail", "refuse", "bad", "wrong", "invalid", "Invalid":
			for i, a := range n.Args {
				if add(a, n.Args[i+1:]) {
					break
				}
			}
		}
	case *ast.CompositeLit:
		kind := called(n.Type)
		invariants := strings.HasSuffix(path, "models/invariants.go")
		for _, e := range n.Elts {
			kv, keyed := e.(*ast.KeyValueExpr)
			switch {
			case keyed && (called(kv.Key) == "Detail" || called(kv.Key) == "Problem"):
				add(kv.Value, nil)
			case !keyed && (kind == "Error" || kind == "fault" || kind == "unseen" || kind == "Finding" || invariants && kind == ""):
				add(e, nil)
			}
		}
	case *ast.ReturnStmt:
		if strings.HasPrefix(path, "models/iri/") || strings.HasSuffix(path, "/revive.go") || strings.HasSuffix(path, "inbox/table.go") {
			for _, e := range n.Results {
				add(e, nil)
			}
		}
	}
	return out
}

// sample is the text of a literal, a format or a sum: Paris for what is not known, "Rome"
// where it is quoted.
func sample(e ast.Expr, args []ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return format.ReplaceAllStringFunc(text, func(verb string) string {
			var arg ast.Expr
			if len(args) > 0 {
				arg, args = args[0], args[1:]
			}
			switch {
			case verb == "%%":
				return "%"
			case verb == "%q":
				return `"Rome"`
			case strings.ContainsAny(verb, "dxo"):
				return "7"
			}
			return sample(arg, nil)
		})
	case *ast.CallExpr:
		switch called(e.Fun) {
		case "Sprintf", "Sprint":
			if called(e.Fun) == "Sprint" {
				return sample(e.Args[0], nil) + "7"
			}
			return sample(e.Args[0], e.Args[1:])
		case "quote", "excerpt":
			return `"Rome"`
		case "Itoa":
			return "7"
		}
	case *ast.BinaryExpr:
		return sample(e.X, nil) + sample(e.Y, nil)
	}
	return "Paris"
}
