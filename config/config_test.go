package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

var same = cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "valise.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNoFileNoVariablesGivesDefaults(t *testing.T) {
	got, err := Load("", []string{"HOME=/root", "VALISE_CI=1"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Defaults(), got, same); diff != "" {
		t.Errorf("Load without file (-want +got):\n%s", diff)
	}
}

// The example holds each key of the struct, in the struct's order, with its default and its danger.
func TestExampleIsComplete(t *testing.T) {
	got, err := Load("example.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Defaults(), got, same); diff != "" {
		t.Errorf("example.yaml differs from the defaults (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var keys []string
	var walk func(n *yaml.Node, section reflect.Type, path string)
	walk = func(n *yaml.Node, section reflect.Type, path string) {
		for i := 0; i < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			name := path + key.Value
			f := fieldOf(t, section, key.Value)
			if isSection(f.Type) {
				walk(value, f.Type, name+".")
				continue
			}
			keys = append(keys, name)
			for _, word := range []string{"Default:", "Danger:"} {
				if !strings.Contains(key.HeadComment, word) {
					t.Errorf("example.yaml: %s has no %q", name, word)
				}
			}
			if f.Type.Kind() == reflect.Slice && isSection(f.Type.Elem()) {
				checkElements(t, value, f.Type.Elem(), name)
			}
		}
	}
	walk(doc.Content[0], reflect.TypeFor[Config](), "")
	var want []string
	for _, f := range fields(reflect.TypeFor[Config](), "") {
		want = append(want, f.key)
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("keys of example.yaml (-struct +file):\n%s", diff)
	}
}

// checkElements: each element of a list in the example names each of its keys.
func checkElements(t *testing.T, list *yaml.Node, elem reflect.Type, name string) {
	for i, n := range list.Content {
		have := map[string]*yaml.Node{}
		for j := 0; j < len(n.Content); j += 2 {
			have[n.Content[j].Value] = n.Content[j+1]
		}
		for f := range elem.Fields() {
			key := f.Tag.Get("koanf")
			if have[key] == nil {
				t.Errorf("example.yaml: %s[%d] has no %s", name, i, key)
			} else if f.Type.Kind() == reflect.Slice {
				checkElements(t, have[key], f.Type.Elem(), fmt.Sprintf("%s[%d].%s", name, i, key))
			}
		}
	}
}

func fieldOf(t *testing.T, section reflect.Type, key string) reflect.StructField {
	for f := range section.Fields() {
		if f.Tag.Get("koanf") == key {
			return f
		}
	}
	t.Fatalf("%s has no key %q", section, key)
	return reflect.StructField{}
}

// Each setting says in its Go comment what its default and its danger are.
func TestFieldsAreDocumented(t *testing.T) {
	inElements := []string{"MarkingLevel", "PrecedenceProfile", "PrecedenceLevel", "Equivalence"}
	checked := 0
	for _, file := range []string{"config.go", "federation.go", "access.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			body, ok := spec.Type.(*ast.StructType)
			if !ok || slices.Contains(inElements, spec.Name.Name) {
				return true
			}
			for _, field := range body.Fields.List {
				name := field.Names[0].Name
				if id, ok := field.Type.(*ast.Ident); ok && sections[id.Name] {
					continue
				}
				checked++
				for _, word := range []string{"Default:", "Danger:"} {
					if !strings.Contains(field.Doc.Text(), word) {
						t.Errorf("%s: %s.%s has no %q in its comment", file, spec.Name.Name, name, word)
					}
				}
			}
			return true
		})
	}
	// The two rates and the two fields of Rate stand for four settings.
	if leaves := len(fields(reflect.TypeFor[Config](), "")); checked != leaves {
		t.Errorf("looked at %d comments for %d settings", checked, leaves)
	}
}

// sections are documented by their own struct.
var sections = map[string]bool{
	"TLS": true, "BehindProxy": true, "Log": true, "Federation": true, "Markings": true,
	"Attachments": true, "Retention": true, "Shutdown": true, "Private": true, "Loopback": true,
	"Access": true, "Mail": true,
}

func TestVariablesWinOverFile(t *testing.T) {
	path := write(t, `
host: ministry.localhost:8101
listen: 127.0.0.1:8101
federation:
  max_body: 2 MiB
  loopback: {peers: ["embassy.localhost:8102"]}
log:
  # level: debug
attachments:
  types: [application/pdf]
`)
	got, err := Load("", []string{
		"VALISE_CONFIG=" + path,
		"VALISE_FEDERATION_MAX_BODY=65536",
		"VALISE_FEDERATION_WINDOW_OWN=90s",
		"VALISE_FEDERATION_PRIVATE_RANGES=10.20.0.0/16, fd00:1::/64",
		"VALISE_FEDERATION_PRIVATE_PORTS=8443,9443",
		"VALISE_FEDERATION_RATE_PER_KEY_PER_SECOND=0.5",
		"VALISE_HOLD_CLASSIFIED=true",
		"VALISE_RETENTION_ID_DAYS=30",
		`VALISE_EQUIVALENCES=[{"scheme":"https://ally.example/m","level":"DR","own":"RESTRICTED"}]`,
		"VALISE_SEAL_KEY_FILE=elsewhere/seal.key",
		"CREDENTIALS_DIRECTORY=nowhere",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Host, want.Listen = "ministry.localhost:8101", "127.0.0.1:8101"
	want.Federation.MaxBody = 65536
	want.Federation.WindowOwn = 90 * time.Second
	want.Federation.Loopback.Peers = []string{"embassy.localhost:8102"}
	want.Federation.Private.Ranges = []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd00:1::/64")}
	want.Federation.Private.Ports = []int{8443, 9443}
	want.Federation.RatePerKey.PerSecond = 0.5
	want.HoldClassified = true
	want.Retention.IDDays = 30
	want.Attachments.Types = []string{"application/pdf"}
	want.Equivalences = []Equivalence{{Scheme: "https://ally.example/m", Level: "DR", Own: "RESTRICTED"}}
	want.SealKeyFile = "elsewhere/seal.key"
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}

func TestBadInputNamesTheKey(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		environ []string
		want    []string
	}{
		"unknown keys, all of them": {file: "hots: a\nfederation: {max_bodi: 1}\nmarkings: {levels: [{nam: X}]}",
			want: []string{"unknown key hots", "unknown key federation.max_bodi", "unknown key markings.levels[0].nam"}},
		"unknown variables, all of them": {environ: []string{"VALISE_HOTS=a", "VALISE_FEDERATION=x", "VALISE_LOG_LEVEL=warn"},
			want: []string{"VALISE_HOTS", "VALISE_FEDERATION:"}},
		"case of a key":               {file: "Host: a.example", want: []string{"unknown key Host"}},
		"the same key twice":          {file: "host: a.example\nhost: b.example", want: []string{"host"}},
		"a value for a section":       {file: "tls: yes", want: []string{"tls: want a section"}},
		"a value for a list":          {file: "attachments: {types: application/pdf}", want: []string{"attachments.types: want a list"}},
		"empty entry":                 {file: "attachments: {types: [null]}", want: []string{"attachments.types[0]"}},
		"text for a truth value":      {file: "hold_classified: maybe", want: []string{"hold_classified"}},
		"truth value for text":        {file: "data_dir: true", want: []string{"data_dir"}},
		"duration without unit":       {file: "shutdown: {grace: 15}", want: []string{"shutdown.grace", "no unit"}},
		"fraction for a whole number": {file: "retention: {id_days: 1.5}", want: []string{"retention.id_days"}},
		"size without sense":          {file: "attachments: {max_file: 25 megs}", want: []string{"attachments.max_file", "unit"}},
		"range without sense":         {file: "federation: {private: {ranges: [10.0.0.0]}}", want: []string{"federation.private.ranges"}},
		"number in a variable":        {environ: []string{"VALISE_RETENTION_ID_DAYS=many"}, want: []string{"VALISE_RETENTION_ID_DAYS"}},
		"empty number in a variable":  {environ: []string{"VALISE_RETENTION_ID_DAYS="}, want: []string{"VALISE_RETENTION_ID_DAYS"}},
		"JSON in a variable":          {environ: []string{"VALISE_EQUIVALENCES={"}, want: []string{"VALISE_EQUIVALENCES"}},
		"unknown key in JSON":         {environ: []string{`VALISE_EQUIVALENCES=[{"owm":"x"}]`}, want: []string{"VALISE_EQUIVALENCES", "owm"}},
		"not valid":                   {file: "log: {level: loud}", want: []string{"log.level"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := ""
			if c.file != "" {
				path = write(t, c.file)
			}
			_, err := Load(path, c.environ)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not contain %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "VALISE_LOG_LEVEL") {
				t.Errorf("error %q names a variable that is right", err)
			}
		})
	}
	if _, err := Load("no-such-file.yaml", nil); err == nil || !strings.Contains(err.Error(), "no-such-file.yaml") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(write(t, ""), nil); err != nil {
		t.Errorf("empty file: %v", err)
	}
}

func TestSealKeyPath(t *testing.T) {
	credentials := t.TempDir()
	env := []string{"CREDENTIALS_DIRECTORY=" + credentials, "VALISE_DATA_DIR=data"}
	seal := func(extra ...string) string {
		t.Helper()
		c, err := Load("", append(extra, env...))
		if err != nil {
			t.Fatal(err)
		}
		return c.SealKeyPath()
	}
	if got, want := seal(), filepath.Join("data", "seal.key"); got != want {
		t.Errorf("without a credential: %s, want %s", got, want)
	}
	credential := filepath.Join(credentials, "seal.key")
	if err := os.WriteFile(credential, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := seal(); got != credential {
		t.Errorf("with a credential: %s, want %s", got, credential)
	}
	if got := seal("VALISE_SEAL_KEY_FILE=own.key"); got != "own.key" {
		t.Errorf("a setting beside a credential: %s, want own.key", got)
	}
}

func TestVariableNamesAreUnique(t *testing.T) {
	if got, want := len(variables()), len(fields(reflect.TypeFor[Config](), "")); got != want {
		t.Errorf("%d variables for %d keys", got, want)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1048576": 1 << 20, "1 MiB": 1 << 20, "25 MB": 25_000_000, "64KiB": 64 << 10, "2 gb": 2e9, "7 B": 7,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
		var back Size
		if err := back.UnmarshalText([]byte(got.String())); err != nil || back != got {
			t.Errorf("%q: written as %s, read as %d (%v)", text, got, back, err)
		}
	}
	for _, text := range []string{"", "MB", "-1", "1.5 MB", "1 XB", "9223372036854775807 GiB", "1 0"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: read as %d, want an error", text, s)
		}
	}
}
