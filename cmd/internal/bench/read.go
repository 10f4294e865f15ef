package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"

	"valise/ui/page"
)

const (
	// readDefault is how many requests one measure of a page makes.
	readDefault = 1000
	// readers is how many requests are under way at once.
	readers = 20
	// readCorpus is how many pieces of correspondence an instance holds for each request
	// of a measure: 54,000 by default.
	readCorpus = 54
	// crawled bounds the lists that are followed to find pages, and walked the distinct
	// pages whose size and statements are looked at one by one.
	crawled = 40
	walked  = 30
)

func (i *instance) statements(context.Context, struct{}) (any, error) {
	return i.node.Store.Statements(), nil
}

// reading is a person who turns pages.
type reading struct {
	*library
	instance *child
	addr     string
}

func (r *reading) request(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nAccept: text/html\r\nAccept-Language: en\r\n\r\n", path, r.Host, r.Cookie)
}

// get opens one page.
func (r *reading) get(path string) ([]byte, error) {
	c, err := net.DialTimeout("tcp", r.addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write(r.request(path)); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s was answered %s", path, res.Status)
	}
	return body, err
}

// links returns where the elements of a page lead, each once.
func (r *reading) links(path, selector string) ([]string, error) {
	body, err := r.get(path)
	if err != nil {
		return nil, err
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	var out []string
	doc.Find(selector).Each(func(_ int, a *goquery.Selection) {
		if href, ok := a.Attr("href"); ok && !slices.Contains(out, href) {
			out = append(out, href)
		}
	})
	return out, nil
}

// follow walks along the pages of a list and returns them, and the dispatches in them.
func (r *reading) follow(path string, most int) (pages, dispatches []string, err error) {
	for next := path; next != "" && len(pages) < most; {
		pages = append(pages, next)
		found, err := r.links(next, ".row__subj a")
		if err != nil {
			return nil, nil, err
		}
		dispatches = append(dispatches, found...)
		on, err := r.links(next, "a[rel=next]")
		if err != nil {
			return nil, nil, err
		}
		next = ""
		if len(on) > 0 {
			next = on[0]
		}
	}
	return pages, dispatches, nil
}

// sheet is a kind of page, and addresses of it.
type sheet struct {
	name  string
	paths []string
}

// sheets finds the pages that are measured, as a person finds them: the folders beside
// the text, the places of the masthead, and what they list.
func (r *reading) sheets() ([]sheet, error) {
	var out []sheet
	front := "/correspondence/" + r.Office + "/action"
	folders, err := r.links(front, "nav.rail a")
	if err != nil {
		return nil, err
	}
	var dispatches, deep []string
	for _, f := range folders {
		u, err := url.Parse(f)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(u.Path, "/correspondence/"+r.Office+"/") {
			continue
		}
		name := "list-" + strings.TrimPrefix(u.Path, "/correspondence/"+r.Office+"/")
		if u.RawQuery != "" {
			name += "-narrowed"
		}
		if !slices.ContainsFunc(out, func(s sheet) bool { return s.name == name }) {
			out = append(out, sheet{name, []string{f}})
		}
		pages, found, err := r.follow(f, crawled/len(folders)+2)
		if err != nil {
			return nil, err
		}
		dispatches, deep = append(dispatches, found...), append(deep, pages[1:]...)
	}
	if len(dispatches) == 0 {
		return nil, errors.New("no folder holds a dispatch")
	}
	slices.Sort(dispatches)
	dispatches = slices.Compact(dispatches)
	out = append(out, sheet{"list-deep", deep},
		sheet{"list-filtered", []string{"/correspondence/" + r.Office + "/info?marking=3&language=en", "/correspondence/" + r.Office + "/sent?kind=cable&since=2025-01-01"}},
		sheet{"dispatch", dispatches}, sheet{"seal", each(slices.DeleteFunc(slices.Clone(dispatches), func(p string) bool { return strings.Contains(p, "/r/") }), func(p string) string { return p + "/seal" })},
		sheet{"record", each(r.Records[:min(len(r.Records), 200)], page.DispatchPath)})
	for name, questions := range map[string][]string{
		"search-word": {"harbour", "delegation", "treaty", "water", "Secretary"}, "search-phrase": {`"Soviet Union"`, `"the Secretary"`}, "search-prefix": {"negoti*", "econom*"},
		"search-field": {"from:" + r.Office + " agreement", "before:2025-06-01 meeting", "in:archive Moscow"},
	} {
		out = append(out, sheet{name, each(questions, func(q string) string { return "/search?q=" + url.QueryEscape(q) })})
	}
	places, err := r.links(front, ".mast a")
	if err != nil {
		return nil, err
	}
	for _, p := range append(places, "/release") {
		if name := strings.Trim(strings.ReplaceAll(p, "/", "-"), "-"); name != "" && p != "/correspondence" && !strings.Contains(name, "sign") {
			out = append(out, sheet{name, []string{p}})
		}
	}
	slices.SortStableFunc(out, func(a, b sheet) int { return strings.Compare(a.name, b.name) })
	return slices.DeleteFunc(out, func(s sheet) bool { return len(s.paths) == 0 }), nil
}

func each[T any](in []T, f func(T) string) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

// look opens some of the pages one by one: the largest, in bytes, and the most
// statements that one takes. What the instance does besides is left out by asking twice.
func (r *reading) look(paths []string) (size int, statements int64, err error) {
	for i := 0; i < len(paths); i += len(paths)/walked + 1 {
		fewest := int64(-1)
		for range 2 {
			var before, after int64
			if err := r.instance.call("statements", struct{}{}, &before); err != nil {
				return 0, 0, err
			}
			body, err := r.get(paths[i])
			if err != nil {
				return 0, 0, err
			}
			if err := r.instance.call("statements", struct{}{}, &after); err != nil {
				return 0, 0, err
			}
			size = max(size, len(body))
			if fewest < 0 || after-before < fewest {
				fewest = after - before
			}
		}
		statements = max(statements, fewest)
	}
	return size, statements, nil
}

// read measures the pages of the portal with a large corpus. The limit beside each is
// the rate of the smallest answer that the same server gives.
func (b *bench) read(ctx context.Context) (err error) {
	n := b.N
	if n == defaultN {
		n = readDefault
	}
	// With a folder the corpus is whole, so that every run can use it.
	corpus := readCorpus * n
	if b.Dir != "" {
		corpus = readCorpus * readDefault
	}
	shelf, err := b.shelf(ctx, corpus)
	if err != nil {
		return err
	}
	c, at, err := b.instanceChild(ctx, shelf.args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	r := &reading{library: &library{}, instance: c, addr: fmt.Sprintf("127.0.0.1:%d", at.Port)}
	if err := c.call("corpus", corpusArgs{corpus, shelf.have}, r.library); err != nil {
		return err
	}
	if err := shelf.keep(*r.library, at.Port); err != nil {
		return fmt.Errorf("--dir: note what it holds: %w", err)
	}
	sheets, err := r.sheets()
	if err != nil {
		return fmt.Errorf("find the pages: %w", err)
	}
	if sheets, err = b.asked(sheets); err != nil {
		return err
	}
	bare := make([][]byte, n)
	for i := range bare {
		bare[i] = r.request("/healthz")
	}
	least, err := load(ctx, r.addr, readers, bare, http.StatusOK)
	if err != nil {
		return err
	}
	for _, s := range sheets {
		m := &measure{Name: s.name, LimitRate: float64(n) / least.took.Seconds(), N: n}
		if err := r.measure(ctx, m, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		m.add("corpus", float64(corpus))
		if err := b.report.print(m); err != nil {
			return err
		}
	}
	m := &measure{Name: "corpus", Rate: float64(corpus) / r.Fill, N: corpus}
	m.add("fill_s", r.Fill)
	m.add("index_s", r.Index)
	return b.report.print(m)
}

// asked leaves the kinds of pages that the run is about.
func (b *bench) asked(all []sheet) ([]sheet, error) {
	if len(b.Pages) == 0 {
		return all, nil
	}
	var out []sheet
	var names []string
	for _, s := range all {
		names = append(names, s.name)
		for _, p := range b.Pages {
			fits, err := path.Match(p, s.name)
			if err != nil {
				return nil, fmt.Errorf("--page %s: %w", p, err)
			}
			if fits {
				out = append(out, s)
				break
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("--page %s: the pages are %s", strings.Join(b.Pages, ","), strings.Join(names, ", "))
	}
	return out, nil
}

func (r *reading) measure(ctx context.Context, m *measure, s sheet) error {
	size, statements, err := r.look(s.paths) // fills caches, too
	if err != nil {
		return err
	}
	requests := make([][]byte, m.N)
	for i := range requests {
		requests[i] = r.request(s.paths[i%len(s.paths)])
	}
	var before, after usage
	var got *answered
	if err := r.instance.profiling("read-"+s.name, func() error {
		if err := r.instance.call("usage", usageArgs{Reset: true}, &before); err != nil {
			return err
		}
		var err error
		if got, err = load(ctx, r.addr, readers, requests, http.StatusOK); err != nil {
			return err
		}
		return r.instance.call("usage", usageArgs{}, &after)
	}); err != nil {
		return err
	}
	m.Rate, m.CPUPer1000, m.RSS = float64(m.N)/got.took.Seconds(), (after.CPU-before.CPU)*1000/float64(m.N), after.Peak
	m.percentiles(got.latencies)
	m.add("pages", float64(len(s.paths)))
	m.add("statements", float64(statements))
	m.add("kilobytes", float64(size)/1000)
	return nil
}
