package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/chromedp/chromedp"
)

// Accessible holds the page to WCAG 2.2 AA as far as axe-core sees. TEST_AXE names
// axe.min.js of the npm package axe-core; without it the check is left out, and in CI
// that is a failure.
func (p *Person) Accessible() {
	p.t.Helper()
	path := os.Getenv("TEST_AXE")
	if path == "" {
		absent(p.t, "TEST_AXE is not set: pages are not checked with axe-core")
		return
	}
	source, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	// The protocol evaluates beside the page's policy, as a person's own tools do.
	run(p, chromedp.Evaluate[bool](string(source)+";true"))
	answer := run(p, chromedp.Evaluate[string](`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"], preload: false}).then(r => JSON.stringify(r.violations))`,
		chromedp.EvalAwaitPromise))
	var found []struct {
		ID, Help string
		Nodes    []struct {
			HTML           string
			FailureSummary string
		}
	}
	if err := json.Unmarshal([]byte(answer), &found); err != nil {
		p.t.Fatalf("axe answered %q: %v", answer, err)
	}
	for _, v := range found {
		var where []string
		for _, n := range v.Nodes[:min(len(v.Nodes), 4)] {
			where = append(where, fmt.Sprintf("  %s\n    %s", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n    ")))
		}
		p.t.Errorf("at %s: %s: %s (%d places)\n%s", p.At(), v.ID, v.Help, len(v.Nodes), strings.Join(where, "\n"))
	}
}
