package bench

import (
	"fmt"
	"testing"
	"time"

	"valise/cmd/internal/node"
	"valise/cmd/internal/sample"
	"valise/config"
	"valise/instance/archive"
	"valise/models"
	"valise/models/audience"
)

func TestFillCorpus(t *testing.T) {
	cfg := config.Defaults()
	cfg.Host, cfg.DataDir = "bench.localhost:8080", t.TempDir()
	n, err := node.Open(t.Context(), cfg, node.Outside{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	const count = 1400
	began := time.Now()
	c, err := FillCorpus(t.Context(), n, count)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d in %s", count, time.Since(began))
	rows := map[string]int{}
	for origin, query := range map[string]string{"all": "", "archive": " WHERE origin = 'archive'", "community": " WHERE origin <> 'archive' AND community <> ''"} {
		got := 0
		if err := n.Store.R.NewRaw(`SELECT COUNT(*) FROM dispatches`+query).Scan(t.Context(), &got); err != nil {
			t.Fatal(err)
		}
		rows[origin] = got
	}
	if rows["all"] != count || rows["archive"] != count/corpusArchive || rows["community"] < count/8 {
		t.Errorf("rows: %v", rows)
	}
	if len(c.Offices) != corpusOffices || len(c.Persons) != corpusOffices || len(c.Communities) != 3 || len(c.Dispatches) == 0 || len(c.Records) == 0 {
		t.Errorf("named: %d offices, %d persons, %d communities, %d dispatches, %d records", len(c.Offices), len(c.Persons), len(c.Communities), len(c.Dispatches), len(c.Records))
	}
	findings, err := n.Checks.Run(t.Context())
	if err != nil || len(findings) > 0 {
		t.Errorf("the check finds %d faults, the first %+v (%v)", len(findings), append(findings, findings...)[:min(1, len(findings))], err)
	}
	// An officer finds hers and not what other offices wrote to each other.
	page, err := n.Dispatches.List(t.Context(), c.Persons[0], "", c.Offices[0], 0, 50)
	if err != nil || len(page) != 50 {
		t.Errorf("a page of an office has %d dispatches (%v)", len(page), err)
	}
	r, err := n.Dispatches.Reader(t.Context(), c.Persons[0])
	if err != nil {
		t.Fatal(err)
	}
	may, err := audience.Allowed(t.Context(), n.Store.R, r, audience.Dispatches, c.Dispatches, models.At(n.Now()))
	if err != nil || len(may) == 0 || len(may) == len(c.Dispatches) {
		t.Errorf("she may read %d of %d (%v)", len(may), len(c.Dispatches), err)
	}
	if _, err := n.Archive.Show(t.Context(), r, c.Records[0]); err != nil {
		t.Error(err)
	}
	if _, err := n.Archive.List(t.Context(), r, archive.Filter{}, archive.Cursor{}, 50); err != nil {
		t.Error(err)
	}
}

func TestVolumesHaveNamesOfTheirOwn(t *testing.T) {
	counted := 0
	for _, v := range sample.Volumes() {
		counted += v.Documents
	}
	if want := len(sample.Documents()); counted != want {
		t.Errorf("the volumes say that they have %d documents; they have %d", counted, want)
	}
	seen := map[string]bool{}
	documents := 0
	for name, text := range volumes(600) {
		if seen[name] || len(text) == 0 {
			t.Errorf("%s comes twice, or empty", name)
		}
		seen[name] = true
		documents++
	}
	if documents < 6 {
		t.Errorf("600 documents are in %s", fmt.Sprint(documents, " volumes"))
	}
}
