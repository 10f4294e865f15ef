package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "valise/"

// floors: a package may import its own floor and those below. The longest folder that fits counts; a
// package in no folder of the table is an error.
var floors = []struct {
	folder string
	floor  int
}{
	{"cmd", 8},
	{"cmd/internal/node", 7},
	{"ui", 6},
	{"instance", 5},
	{"federation/inbox", 4}, {"federation/outbox", 4}, {"federation/deliver", 4}, {"federation/serve", 4}, {"federation/problem", 4},
	{"federation/keyring", 3}, {"federation/remote", 3}, {"federation/policy", 3},
	{"federation/vocab", 2}, {"federation/sign", 2},
	{"models", 1},
	{"config", 0}, {"models/iri", 0},
}

// bans: importer must not import target; both cover what lies below them. "" is every package, and
// except is the one folder that may.
var bans = []struct{ importer, target, except string }{
	{"", "github.com/go-fed/activity", "federation/vocab"},
	{"", "github.com/go-fed/httpsig", "federation/sign"},
	{"ui", "github.com/uptrace/bun", ""},
	{"ui", "valise/federation", ""},
	{"instance", "github.com/gin-gonic/gin", ""},
	{"instance", "net/http", ""},
	{"models", "net/http", ""},
	{"federation/policy", "net/http", ""},
	{"federation/policy", "github.com/uptrace/bun", ""},
	{"federation/sign", "valise/models", "models/iri"},
	{"federation/sign", "valise/config", ""},
	{"federation/sign", "valise/federation/vocab", ""},
	{"config", "valise", ""},
	{"models/iri", "valise", ""},
}

// testsExempt may import in its tests what it likes: it plays foreign software.
const testsExempt = "cmd/internal/cluster"

// listed is the part of go list's answer that is looked at.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func (p listed) folder() string { return strings.TrimPrefix(p.ImportPath, module) }

// all is what the package and its tests import, without itself.
func (p listed) all() []string {
	all := slices.Clone(p.Imports)
	if p.folder() != testsExempt {
		all = append(append(all, p.TestImports...), p.XTestImports...)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(i string) bool { return i == p.ImportPath })
}

// under reports whether path is folder or lies below it.
func under(path, folder string) bool {
	return folder == "" || path == folder || strings.HasPrefix(path, folder+"/")
}

func floorOf(folder string) (floor int, ok bool) {
	longest := -1
	for _, f := range floors {
		if under(folder, f.folder) && len(f.folder) > longest {
			floor, longest, ok = f.floor, len(f.folder), true
		}
	}
	return floor, ok
}

// violations lists each import that goes up or is banned.
func violations(packages []listed) []string {
	var bad []string
	for _, p := range packages {
		from, ok := floorOf(p.folder())
		if !ok {
			bad = append(bad, p.ImportPath+" stands on no floor of the table")
			continue
		}
		for _, target := range p.all() {
			if folder, internal := strings.CutPrefix(target, module); internal {
				if to, ok := floorOf(folder); !ok || to > from {
					bad = append(bad, fmt.Sprintf("%s imports %s, which stands above it", p.ImportPath, target))
				}
			}
			for _, b := range bans {
				allowed := b.except != "" && (under(p.folder(), b.except) || under(target, module+b.except))
				if under(p.folder(), b.importer) && under(target, b.target) && !allowed {
					bad = append(bad, fmt.Sprintf("%s imports %s, which it must not know", p.ImportPath, target))
				}
			}
		}
	}
	return bad
}

// root is the module's folder: go test starts a test in its package's folder.
const root = "../../.."

// goList runs go in the module's root and returns its output.
func goList(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	var problems bytes.Buffer
	cmd.Dir, cmd.Stderr = root, &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, problems.Bytes())
	}
	return out
}

func TestImportsPointDown(t *testing.T) {
	// go test does not see what the go list below reads, and would repeat an old result. It does see the
	// folders that the test itself reads.
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.Name() == ".git" {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var packages []listed
	answer := json.NewDecoder(bytes.NewReader(goList(t, "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")))
	for {
		var p listed
		if err := answer.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 2 {
		t.Fatalf("go list named %d packages", len(packages))
	}
	for _, v := range violations(packages) {
		t.Error(v)
	}
}

// The table itself is held to what DESIGN §4 refuses and allows.
func TestFloorsRefuse(t *testing.T) {
	for _, c := range []struct {
		from, to string
		allowed  bool
	}{
		{"valise/cmd/valise", "valise/cmd/internal/cluster", true},
		{"valise/cmd/internal/cluster", "valise/cmd/internal/node", true},
		{"valise/cmd/internal/node", "valise/cmd/internal/cluster", false},
		{"valise/cmd/internal/node", "valise/ui/machine", true},
		{"valise/ui", "valise/instance/dispatches", true},
		{"valise/ui/machine", "valise/federation/policy", false},
		{"valise/ui", "github.com/uptrace/bun", false},
		{"valise/instance/dispatches", "valise/ui", false},
		{"valise/instance/dispatches", "valise/federation/outbox", true},
		{"valise/instance/dispatches", "valise/instance/audit", true},
		{"valise/instance/dispatches", "net/http/httptest", false},
		{"valise/instance/dispatches", "github.com/gin-gonic/gin", false},
		{"valise/federation/inbox", "valise/instance/dispatches", false},
		{"valise/federation/inbox", "valise/federation/keyring", true},
		{"valise/federation/keyring", "valise/federation/inbox", false},
		{"valise/federation/vocab", "valise/federation/remote", false},
		{"valise/federation/vocab", "github.com/go-fed/activity/streams", true},
		{"valise/federation/sign", "github.com/go-fed/activity/streams", false},
		{"valise/federation/sign", "github.com/go-fed/httpsig", true},
		{"valise/federation/remote", "github.com/go-fed/httpsig", false},
		{"valise/federation/sign", "valise/models/iri", true},
		{"valise/federation/sign", "valise/models", false},
		{"valise/federation/policy", "net/http", false},
		{"valise/models", "valise/federation/vocab", false},
		{"valise/models/modeltest", "valise/models/migrations", true},
		{"valise/models", "valise/config", true},
		{"valise/config", "valise/models/iri", false},
		{"valise/models/iri", "valise/config", false},
		{"valise/helpers", "fmt", false},
		{"valise/federation", "fmt", false},
	} {
		asTest := listed{ImportPath: c.from, XTestImports: []string{c.to}}
		for how, p := range map[string]listed{"": {ImportPath: c.from, Imports: []string{c.to}}, " in a test": asTest} {
			if c.from == module+testsExempt && how != "" {
				continue
			}
			if got := violations([]listed{p}); (len(got) == 0) != c.allowed {
				t.Errorf("%s importing %s%s: allowed should be %t, violations %q", c.from, c.to, how, c.allowed, got)
			}
		}
	}
	emulator := listed{ImportPath: module + testsExempt, XTestImports: []string{"github.com/go-fed/httpsig"}}
	if got := violations([]listed{emulator}); len(got) != 0 {
		t.Errorf("the cluster's tests play foreign software, yet: %q", got)
	}
}

// modernc.org/sqlite is correct with exactly the modernc.org/libc that its own go.mod names.
func TestLibcIsTheOneThatSQLiteNames(t *testing.T) {
	ours := strings.TrimSpace(string(goList(t, "-m", "-f", "{{.Version}}", "modernc.org/libc")))
	gomod, err := os.ReadFile(strings.TrimSpace(string(goList(t, "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite"))))
	if err != nil {
		t.Fatalf("read go.mod of modernc.org/sqlite: %v", err)
	}
	named := regexp.MustCompile(`(?m)^\s*(?:require\s+)?modernc\.org/libc\s+(v\S+)`).FindSubmatch(gomod)
	if named == nil {
		t.Fatal("go.mod of modernc.org/sqlite names no modernc.org/libc")
	}
	if string(named[1]) != ours {
		t.Errorf("go.mod selects modernc.org/libc %s, modernc.org/sqlite wants %s", ours, named[1])
	}
}
