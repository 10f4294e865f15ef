// Package browser drives a real Chromium for tests: pages are opened, filled in and
// looked at as people do. Where the program is missing a test says so and skips; in CI
// (VALISE_CI=1) that is a failure.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take to show what a test waits for, on a machine that
// does other work too.
const patience = 30 * time.Second

// Browser is one Chromium process with a profile of its own.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// Open starts Chromium. It ends with the test.
func Open(t testing.TB) *Browser {
	t.Helper()
	path, err := find()
	if err != nil {
		if os.Getenv("VALISE_CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "en"))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(stop)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{t, ctx}
}

func find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no Chromium on this machine: install Debian's package chromium to run this test")
}

// Person is a window with cookies of its own: one person at her desk.
type Person struct {
	t      testing.TB
	ctx    context.Context
	base   string
	errors []string
}

// Person opens a window on the instance at base.
func (b *Browser) Person(base string, width, height int64) *Person {
	b.t.Helper()
	p := &Person{t: b.t, base: base}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(func(ev any) {
		if e, ok := ev.(*runtime.EventExceptionThrown); ok {
			p.errors = append(p.errors, e.ExceptionDetails.Text)
		}
	}))
	b.t.Cleanup(cancel)
	p.ctx = ctx
	// The first action opens the window, which lives as long as that action's context.
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (p *Person) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	for _, a := range actions {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		err := chromedp.Do(ctx, a)
		cancel()
		if err != nil {
			p.t.Fatalf("at %s: %v\n%s", p.At(), err, p.glance())
		}
	}
}

func run[T any](p *Person, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		p.t.Fatalf("at %s: %v\n%s", p.At(), err, p.glance())
	}
	return v
}

// glance is the text of the page for a failure.
func (p *Person) glance() string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	if err != nil {
		return err.Error()
	}
	return text[:min(len(text), 3000)]
}

// Go opens a path of the instance.
func (p *Person) Go(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.base + path))
}

// At is the path of the page.
func (p *Person) At() string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "?"
	}
	return strings.TrimPrefix(at, p.base)
}

// Fill types text into the field that a CSS selector names, in place of what is there.
func (p *Person) Fill(selector, text string) {
	p.t.Helper()
	p.do(chromedp.WaitVisible(selector), chromedp.Clear(selector), chromedp.SendKeys(selector, text))
}

// Choose selects the option of a list by its value.
func (p *Person) Choose(selector, value string) {
	p.t.Helper()
	p.do(chromedp.SetValue(selector, value))
}

// Click presses what a CSS selector names.
func (p *Person) Click(selector string) {
	p.t.Helper()
	p.do(chromedp.WaitVisible(selector), chromedp.Click(selector))
}

// Follow presses what a CSS selector names and waits for the page that comes.
func (p *Person) Follow(selector string) {
	p.t.Helper()
	const mark = "window.leaving = true"
	run(p, chromedp.Evaluate[bool](mark))
	p.Click(selector)
	p.Until(`!window.leaving && document.readyState === "complete"`)
}

// Keys presses keys in the page.
func (p *Person) Keys(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// Until waits until an expression is true in the page.
func (p *Person) Until(expression string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		cancel()
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("at %s: never true: %s (%v)\n%s", p.At(), expression, err, p.glance())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Sees waits until the page shows the words.
func (p *Person) Sees(words string) {
	p.t.Helper()
	p.Until(fmt.Sprintf("document.body && document.body.innerText.includes(%q)", words))
}

// Lacks fails when the page shows the words.
func (p *Person) Lacks(words string) {
	p.t.Helper()
	if run(p, chromedp.Evaluate[bool](fmt.Sprintf("document.body.innerText.includes(%q)", words))) {
		p.t.Errorf("at %s the page shows %q", p.At(), words)
	}
}

// Text is what the first element of a selector says.
func (p *Person) Text(selector string) string {
	p.t.Helper()
	return run(p, chromedp.TextContent(selector))
}

// Evaluate returns the value of an expression as text.
func (p *Person) Evaluate(expression string) string {
	p.t.Helper()
	return run(p, chromedp.Evaluate[string]("String("+expression+")"))
}

// Dark chooses what the person's system prefers.
func (p *Person) Dark(dark bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		p.t.Fatal(err)
	}
}

// Size changes the window.
func (p *Person) Size(width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
}

// Quiet fails if a script of a page has failed.
func (p *Person) Quiet() {
	p.t.Helper()
	for _, e := range p.errors {
		p.t.Errorf("a script failed: %s", e)
	}
	p.errors = nil
}

// Shot keeps a picture of the whole page as NAME.png in the folder that TEST_SHOTS
// names; without it none is kept. No page may be wider than its window.
func (p *Person) Shot(name string) {
	p.t.Helper()
	if over := p.Evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"); over != "0" {
		p.t.Errorf("at %s (%s) the page is %s px wider than its window", p.At(), name, over)
	}
	dir := os.Getenv("TEST_SHOTS")
	if dir == "" {
		return
	}
	png := run(p, chromedp.FullScreenshot(100))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
