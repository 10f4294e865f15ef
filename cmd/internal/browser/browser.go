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
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
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
	t    testing.TB
	ctx  context.Context
	base string

	mu     sync.Mutex
	errors []string
}

// Person opens a window on the instance at base.
func (b *Browser) Person(t testing.TB, base string, width, height int64) *Person {
	t.Helper()
	p := &Person{t: t, base: base}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
	t.Cleanup(cancel)
	p.ctx = ctx
	// The first action opens the window, which lives as long as that action's context.
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		t.Fatal(err)
	}
	// Several windows are in use at once, and each is the one before its person's eyes.
	if _, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	p.prefers("light")
	return p
}

// prefers sets what the person's system prefers: a colour scheme, and stillness, since a
// page that still scrolls is clicked in the wrong place.
func (p *Person) prefers(scheme string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	if err != nil {
		p.t.Fatal(err)
	}
}

// Printed keeps a picture of the page as it is printed on A4.
func (p *Person) Printed(name string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		p.t.Fatal(err)
	}
	p.Size(680, 960) // pixels of A4 within its margins
	if over := p.Evaluate("Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth - 1)"); over != "0" {
		p.t.Errorf("at %s (%s) %s px of the page are beside the paper", p.At(), name, over)
	}
	p.picture(name)
	p.prefers("light")
}

// hear keeps what the browser complains of: a script that failed, a file that did not
// come, something that the page's policy forbids.
func (p *Person) hear(ev any) {
	said := ""
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		said = e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			said += " " + x.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type != "error" && e.Type != "assert" {
			return
		}
		for _, a := range e.Args {
			said += a.Description + " " + string(a.Value)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelError && e.Entry.Level != log.EntryLevelWarning {
			return
		}
		said = e.Entry.Text + " " + e.Entry.URL
	default:
		return
	}
	p.mu.Lock()
	p.errors = append(p.errors, said)
	p.mu.Unlock()
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

// glance is the text of the page for a failure, whose picture is kept beside the others.
func (p *Person) glance() string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	if dir := os.Getenv("TEST_SHOTS"); dir != "" {
		if png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100)); err == nil {
			keep(p.t, dir, "failed-"+strings.NewReplacer("/", "-").Replace(p.t.Name()), png)
		}
	}
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
	p.Until(arrived)
}

// arrived is true when nothing of a page is still on its way that would move the rest.
const arrived = `document.readyState === "complete" && document.fonts.status === "loaded"`

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
	p.do(chromedp.WaitVisible(selector))
	run(p, chromedp.Evaluate[bool](fmt.Sprintf(`{ const field = document.querySelector(%q); field.value = ""; field.dispatchEvent(new Event("input", { bubbles: true })); true }`, selector)))
	p.do(chromedp.SendKeys(selector, text))
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
	p.Until(`!window.leaving && ` + arrived)
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

// Size changes the window.
func (p *Person) Size(width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
}

// Speaks sets the language that the person's browser asks for.
func (p *Person) Speaks(tag string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": tag}}); err != nil {
		p.t.Fatal(err)
	}
}

// Scriptless makes the person's browser run no script of a page.
func (p *Person) Scriptless() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		p.t.Fatal(err)
	}
}

// Authenticator is a device that holds passkeys.
type Authenticator struct {
	p  *Person
	id webauthn.AuthenticatorID
}

// Authenticator gives the person's machine a device that holds passkeys and knows her.
func (p *Person) Authenticator() *Authenticator {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		p.t.Fatal(err)
	}
	device := &webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}
	made, err := chromedp.Call(p.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: device})
	if err != nil {
		p.t.Fatal(err)
	}
	return &Authenticator{p, made.AuthenticatorID}
}

// Knows says whether the device will take whoever uses it for its owner.
func (a *Authenticator) Knows(her bool) {
	a.p.t.Helper()
	if _, err := chromedp.Call(a.p.ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: her}); err != nil {
		a.p.t.Fatal(err)
	}
}

// Quiet fails if the browser had to complain since it was last asked.
func (p *Person) Quiet() {
	p.t.Helper()
	p.mu.Lock()
	heard := p.errors
	p.errors = nil
	p.mu.Unlock()
	slices.Sort(heard)
	for _, e := range slices.Compact(heard) {
		p.t.Errorf("at %s the browser complains: %s", p.At(), e)
	}
}

// Looks holds the page to what every page must be: accessible, no wider than its window,
// without a complaint of the browser. It keeps a picture.
func (p *Person) Looks(name string) {
	p.t.Helper()
	p.Accessible()
	p.Shot(name)
	p.Quiet()
}

// Refused forgets that the browser complained of an answer with a status, which it must
// have done.
func (p *Person) Refused(status int) {
	p.t.Helper()
	said := "status of " + strconv.Itoa(status)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.ContainsFunc(p.errors, func(e string) bool { return strings.Contains(e, said) }) {
		p.t.Errorf("nothing was answered with %d", status)
	}
	p.errors = slices.DeleteFunc(p.errors, func(e string) bool { return strings.Contains(e, said) })
}

// Shot keeps a picture of the whole page as NAME.png in the folder that TEST_SHOTS
// names; without it none is kept, and in CI that is a failure. No page may be wider than
// its window.
func (p *Person) Shot(name string) {
	p.t.Helper()
	if over := p.Evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"); over != "0" {
		p.t.Errorf("at %s (%s) the page is %s px wider than its window", p.At(), name, over)
	}
	p.picture(name)
}

func (p *Person) picture(name string) {
	p.t.Helper()
	dir := os.Getenv("TEST_SHOTS")
	if dir == "" {
		absent(p.t, "TEST_SHOTS is not set: no pictures are kept")
		return
	}
	shot := chromedp.FullScreenshot(100)
	if p.Evaluate("document.documentElement.scrollHeight <= innerHeight") == "true" {
		// Chromium draws no more than the window, and right to left at its proper place.
		shot = chromedp.CaptureScreenshot()
	}
	keep(p.t, dir, name, run(p, shot))
}

func keep(t testing.TB, dir, name string, png []byte) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// absent tells what a test leaves out, once for each test; in CI nothing may be.
func absent(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("VALISE_CI") != "" {
		t.Fatal(what)
	}
	if _, told := left.LoadOrStore(t.Name()+what, true); !told {
		t.Log(what)
	}
}

// left is what tests have said that they leave out.
var left sync.Map
