package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"valise/models"
)

// printed writes a volume of n documents.
func printed(t *testing.T, name string, n int) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><publicationStmt><idno type="frus">%s</idno></publicationStmt></fileDesc></teiHeader><text><body>`, name)
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, `<div type="document" xml:id="d%d" n="%d"><head>%d. Letter From <persName type="from">Ada</persName> to <persName type="to">Ben</persName></head><p>%s</p></div>`+"\n",
			i, i, i, strings.Repeat("Nothing new under the sun. ", 40))
	}
	b.WriteString(`</body></text></TEI>`)
	path := filepath.Join(t.TempDir(), name+".xml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The program is killed in the middle of an import and started again: nothing twice,
// nothing missing.
func TestImportSurvivesKill(t *testing.T) {
	dir, err := os.MkdirTemp("", "v")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	valise := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "valise", args...)
		cmd.Env = append(os.Environ(), "VALISE_DATA_DIR="+dir)
		return cmd
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := valise(args...).CombinedOutput()
		if err != nil {
			t.Fatalf("valise %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("instance", "init", "--host", "archive.localhost")
	run("office", "add", "archive", "--code", "ARCH", "--title", "Archive")
	store, err := models.Open(t.Context(), "sqlite:"+filepath.Join(dir, "valise.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	count := func(what string) (n int) {
		t.Helper()
		if err := store.R.NewRaw(`SELECT COUNT(*) FROM `+what).Scan(t.Context(), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const documents = 1500
	file := printed(t, "vol", documents)
	for kills := range 3 {
		before := count("dispatches")
		cmd := valise("import", "tei", file, "--office", "archive")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(patience); count("dispatches") < before+100 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
		cmd.Process.Kill()
		cmd.Wait()
		if n := count("dispatches"); n < before+100 || n == documents {
			t.Fatalf("kill %d came with %d documents, %d before", kills+1, n, before)
		}
	}
	before := count("dispatches")
	var result struct{ Documents, New, Failed int }
	out, err := valise("import", "tei", file, "--office", "archive", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &result); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if result.Documents != documents || result.New != documents-before || result.Failed != 0 {
		t.Errorf("after the kills %+v, with %d there before", result, before)
	}
	if n := count("dispatches"); n != documents {
		t.Errorf("%d documents are here, %d were printed", n, documents)
	}
	if n := count(`(SELECT position FROM archive_records GROUP BY position) AS p`); n != documents {
		t.Errorf("%d places are taken", n)
	}
	if out := run("check"); !strings.Contains(out, "hold") {
		t.Errorf("check: %s", out)
	}
}
