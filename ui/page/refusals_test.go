package page

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"
)

// Every sentence with which a service refuses somebody, or with which an arrival is set
// aside, and every notice is there in every language.
func TestRefusalsAreSaid(t *testing.T) {
	c, err := openCatalogue(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../account/locales/en.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var account struct{ Notice map[string]string }
	if err := yaml.Unmarshal(b, &account); err != nil {
		t.Fatal(err)
	}
	n, kinds := 0, 0
	for _, root := range []string{"../../instance", "../../federation/policy/guard.go", "../../federation/policy/origin.go", "../../federation/deliver", "../../federation/remote/learn.go", "../../federation/inbox/worker.go"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				if kind := noticeIn(node); kind != "" {
					if kinds++; account.Notice[kind] == "" {
						t.Errorf("%s: the notice %q has no words", set.Position(node.Pos()), kind)
					}
				}
				format, code := refusalIn(node)
				if verb.ReplaceAllString(format, "") == "" || strings.Trim(format, "%sqdv ") == "" || c.keys["fr"]["page.problem.whole."+code] != nil || strings.HasPrefix(code, "not-found") {
					return true
				}
				n++
				sample := strings.NewReplacer("%s", "Paris", "%v", "Paris", "%d", "7", "%q", `"Rome"`).Replace(format)
				for _, l := range Languages[1:] {
					if got := c.refusal(l.Tag, sample); got == sample || !c.whole(sample) || strings.Count(got, "Paris") < strings.Count(sample, "Paris") || strings.Count(got, "Rome") < strings.Count(sample, "Rome") || strings.Contains(got, "{") {
						t.Errorf("%s: %s says %q as %q", set.Position(node.Pos()), l.Name, sample, got)
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
	if n < 250 || kinds < 30 {
		t.Errorf("only %d refusals and %d kinds of notices were found", n, kinds)
	}
}

// refusalIn is the format and the code of a refusal, of a person or of what another
// instance sent, and the format of a notice; "" where the node is none.
func refusalIn(n ast.Node) (format, code string) {
	switch n := n.(type) {
	case *ast.CallExpr:
		switch called(n.Fun) {
		case "invalid", "Invalid", "wrong":
			return words(n.Args[0]), ""
		case "refuse":
			if len(n.Args) > 2 {
				return words(n.Args[2]), words(n.Args[1])
			}
		}
	case *ast.CompositeLit:
		if kind := called(n.Type); kind != "Refusal" && kind != "Notice" {
			return "", ""
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				switch called(kv.Key) {
				case "Detail":
					format = words(kv.Value)
				case "Code":
					code = words(kv.Value)
				}
			}
		}
		return format, code
	}
	return "", ""
}

// noticeIn is the kind of a notice that is made with it as a literal.
func noticeIn(n ast.Node) string {
	kind := ""
	switch n := n.(type) {
	case *ast.CallExpr:
		if called(n.Fun) == "told" && len(n.Args) > 3 {
			kind = words(n.Args[3])
		}
	case *ast.CompositeLit:
		if called(n.Type) != "Notice" {
			return ""
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && called(kv.Key) == "Kind" {
				kind = words(kv.Value)
			}
		}
	case *ast.AssignStmt: // kind := "…", and kind and detail together
		for i, to := range n.Lhs {
			if called(to) == "kind" && len(n.Rhs) == len(n.Lhs) && strings.Contains(words(n.Rhs[i]), " ") {
				kind = words(n.Rhs[i])
			}
		}
	}
	if strings.Contains(kind, "%") {
		return ""
	}
	return kind
}

func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// words are those of a literal, of a format, or of a sum: what is no literal is "%s".
func words(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.CallExpr:
		if called(e.Fun) == "Sprintf" {
			return words(e.Args[0])
		}
	case *ast.BinaryExpr:
		return words(e.X) + words(e.Y)
	}
	return "%s"
}

func TestRefusalInOtherLanguages(t *testing.T) {
	c, err := openCatalogue(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct{ lang, in, want string }{
		{"en", "the draft was released", "the draft was released"},
		{"fr", "the draft was released", "état du projet : émis"},
		{"fr", `"a \"b\"" is no date; write 2026, 2026-05 or 2026-05-17`, "« a \"b\" » n’est pas une date ; écrivez 2026, 2026-05 ou 2026-05-17"},
		{"fr", "the subject holds the direction control U+202E, which can make a text read as another", "l’objet : contient le contrôle de direction U+202E, qui peut faire lire un texte pour un autre ; retirez-le"},
		{"fr", "%s {2} is a member already", "%s {2} est déjà membre"},
		{"ar", "@a@b.example is a member already", "\u200e@a@b.example\u200e عضو بالفعل"},
		{"ar", "nobody has translated this", "nobody has translated this"},
	} {
		if got := c.refusal(k.lang, k.in); got != k.want {
			t.Errorf("%q in %s: %q", k.in, k.lang, got)
		}
	}
	for what, file := range map[string]string{
		"a sentence without Arabic":            "\"no %s\": {fr: \"pas de {1}\"}\n",
		"a place that no verb stands for":      "\"no %s\": {fr: \"pas de {2}\", ar: \"لا {1}\"}\n",
		"a format that would fit any word":     "\"%s:%s\": {fr: \"{1}\", ar: \"{1}\"}\n",
		"a sentence that is said in two files": "\"no\": {fr: non, ar: لا}\n",
	} {
		files := fstest.MapFS{"r/a.yaml": {Data: []byte("\"no\": {fr: non, ar: لا}\n")}, "r/b.yaml": {Data: []byte(file)}}
		if _, err := readPhrases(files); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

// Why a delivery failed or was ended is said in every language; what the other server said
// stays as it is, as a quotation.
func TestReasonsAreSaid(t *testing.T) {
	c, err := openCatalogue(nil)
	if err != nil {
		t.Fatal(err)
	}
	for reason, want := range map[string]string{
		"answered 404: no such office here":                                                     "le serveur a répondu 404 : « no such office here »",
		"given up after 16 days: answered 503: Service Unavailable":                             "abandonné après 16 jours : le serveur a répondu 503 : « Service Unavailable »",
		"given up after 16 days: timeout: no answer in 10s":                                     "abandonné après 16 jours : pas de réponse à temps : « no answer in 10s »",
		"key-not-endorsed: signed with a new key that the pinned instance key does not endorse": "key-not-endorsed: signé par une nouvelle clé que la clé d’instance comparée ne cautionne pas",
		"https://b.example/x refused 2026/7: above-ceiling: it was withdrawn":                   "https://b.example/x a refusé 2026/7 : « above-ceiling: it was withdrawn »",
		"Create did not reach https://b.example/o: given up after 16 days: answered 503: Busy":  "Create n’est pas arrivé à https://b.example/o : abandonné après 16 jours : le serveur a répondu 503 : « Busy »",
		"2026/7 was not taken for action by https://b.example/o within 4 hours (FLASH)":         "2026/7 n’a pas été prise en charge par https://b.example/o en 4 heures (FLASH)",
		"b.example accepted; its key was compared when we proposed":                             "b.example a accepté ; sa clé a été comparée lors de notre proposition",
		"they refused": "refus de leur part",
		"Desk passes on 2026/7: the draft was released":                              "Desk transmet 2026/7 : « the draft was released »",
		"replaced by version 2":                                                      "remplacé par la version 2",
		"the dispatch was withdrawn":                                                 "la dépêche a été rappelée",
		"12 of 13 clearances of revision 4 by people who did not write it are there": "12 visas sur 13 de la révision 4, donnés par des personnes qui ne l’ont pas rédigée",
	} {
		if got := c.refusal("fr", reason); got != want {
			t.Errorf("%q is said as %q", reason, got)
		}
		if got := c.refusal("ar", reason); got == reason || strings.Contains(got, "{") {
			t.Errorf("%q is said in Arabic as %q", reason, got)
		}
	}
}

// What others wrote stands apart within a sentence of a page, and is never markup.
func TestRefusalsSetOthersWordsApart(t *testing.T) {
	c, err := openCatalogue(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct{ lang, in, want string }{
		{"en", "answered 404: <b>لا</b>", "answered <bdi>404</bdi>: <bdi>&lt;b&gt;لا&lt;/b&gt;</bdi>"},
		{"en", `nothing here handles Like of "No\"te"`, "nothing here handles <bdi>Like</bdi> of &#34;<bdi>No&#34;te</bdi>&#34;"},
		{"ar", "unreachable: dial tcp.", "تعذّر الوصول إليه: «<bdi>dial tcp.</bdi>»"},
		{"ar", "dial <tcp>.", "<bdi>dial &lt;tcp&gt;.</bdi>"},
		{"fr", "", ""},
	} {
		if got := string(c.refusalHTML(k.lang, k.in)); got != k.want {
			t.Errorf("%q in %s: %q", k.in, k.lang, got)
		}
	}
}

func BenchmarkRefusalOfAnother(b *testing.B) {
	c, err := openCatalogue(nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c.refusalHTML("ar", "Create from b.example was set aside: not-addressed: nobody whose inbox this is stands among its recipients")
	}
}
