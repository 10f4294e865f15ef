package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"slices"
	"strings"
	"time"

	"valise/cmd/internal/cluster/peers"
	"valise/models"
	"valise/models/iri"
	"valise/ui/machine"
)

// reader is the name of the guest's account.
const reader = "reader"

// social is a server with the rules of Mastodon on a host of its own. It keeps its
// accounts in memory: one that starts again has new keys and an empty timeline.
type social struct {
	*party
	peers   *peers.Server
	account *peers.Account
}

// near reaches names under .localhost, each on this machine at its own port, and nothing
// else.
func near() *http.Transport {
	d := net.Dialer{Timeout: 5 * time.Second}
	return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		name, port, err := net.SplitHostPort(address)
		if err != nil || !iri.Host(name).IsLoopback() {
			return nil, fmt.Errorf("%s is not on this machine", address)
		}
		return d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}
}

// serveSocial starts the server of the guest's account.
func serveSocial(port int) (*social, error) {
	s := &social{party: &party{name: socialName, port: port}}
	s.peers = peers.Mastodon(s.host(), near(), time.Now)
	s.account = s.peers.Account(reader)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	s.server = &http.Server{Handler: s.peers, ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(l)
	return s, nil
}

// guest: somebody with an account on other software is invited, follows from there, comes
// in by the printed link of her invitation, and reads what a bulletin told her of.
func (s *story) guest(ctx context.Context) error {
	who := s.social.account.Handle()
	var i machine.Invitation
	if err := s.e().do(ctx, http.MethodPost, "/invitations", machine.NewInvitation{Acting: machine.Acting{As: "ambassador"}, Community: "assembly", Who: who, Role: models.RoleGuest}, &i); err != nil {
		return err
	}
	group := s.e().handle("assembly")
	if err := s.observe(ctx, "a reader on other software is invited", s.social.party, func(context.Context) (string, error) {
		if notes := s.social.account.Direct(); len(notes) > 0 {
			return fmt.Sprintf("a note to %s tells her what to follow", who), nil
		}
		return "", nil
	}); err != nil {
		return err
	}
	if _, err := s.social.account.Follow(group); err != nil {
		return fmt.Errorf("%s follows %s: %w", who, group, err)
	}
	if err := s.observe(ctx, "she follows from her own account", s.e(), s.member(i.Invitee, models.MemberActive)); err != nil {
		return err
	}
	comment := machine.CommunityAct{Acting: machine.Acting{As: "counsellor"}, Community: string(s.community), Text: "The printed record for the third paragraph has come; see the new table."}
	notes := content("notes", "ROUTINE", "UNCLASSIFIED")
	notes.Community, notes.Subject = string(s.community), "General Assembly: the count of votes"
	d, err := s.e().send(ctx, "ambassador", "ambassador", "ankara", notes, "", "")
	if err != nil {
		return err
	}
	comment.Dispatch = string(d.ID)
	if err := s.e().do(ctx, http.MethodPost, "/community/comment", comment, nil); err != nil {
		return err
	}
	browser, err := s.comeIn(ctx)
	if err != nil {
		return err
	}
	return s.observe(ctx, "by a printed link she reads what a bulletin announced", s.e(), func(ctx context.Context) (string, error) {
		for _, post := range slices.Backward(s.social.account.Home()) {
			at := bulletinLink.FindString(post.Content)
			if at == "" {
				continue
			}
			page, err := browse(ctx, browser, http.MethodGet, at)
			if err != nil {
				return "", err
			}
			if strings.Contains(page, d.Reference) && strings.Contains(page, comment.Text) {
				return fmt.Sprintf("%s with its comment, on the page of the embassy", d.Reference), nil
			}
		}
		return "", nil
	})
}

var bulletinLink = regexp.MustCompile(`http://[a-z0-9.:-]+/read/[A-Za-z0-9._-]+`)

// comeIn opens a printed link as a browser does.
func (s *story) comeIn(ctx context.Context) (*http.Client, error) {
	link, err := s.printed(ctx)
	if err != nil {
		return nil, err
	}
	if link == "" {
		return nil, errors.New("the invitation of the reader has no printed link")
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &http.Client{Transport: near(), Jar: jar, Timeout: 10 * time.Second}
	_, err = browse(ctx, browser, http.MethodPost, link)
	return browser, err
}

// printed makes a new printed link of the reader's invitation; "" where she has none that
// still lets her in.
func (w *world) printed(ctx context.Context) (string, error) {
	e := w.parties["embassy"]
	var v machine.CommunityView
	if err := e.do(ctx, http.MethodGet, "/community?as=ambassador&name=assembly", nil, &v); err != nil {
		if unseen(err) {
			return "", nil
		}
		return "", err
	}
	organiser, err := e.node.Directory.Person(ctx, "ambassador")
	if err != nil {
		return "", err
	}
	for _, i := range v.Invitations {
		if i.Invitee != iri.IRI(w.social.account.ID) {
			continue
		}
		if card, err := e.node.Guests.Sheet(ctx, organiser, i.ID); err != nil || !card.Linkable() {
			return "", err
		}
		p, err := e.node.Guests.Print(ctx, organiser, i.ID)
		if err != nil {
			return "", fmt.Errorf("print the invitation of %s: %w", i.Invitee, err)
		}
		return p.URL, nil
	}
	return "", nil
}

// browse asks for a page and returns it.
func browse(ctx context.Context, browser *http.Client, method, at string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return "", err
	}
	res, err := browser.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s was answered %d", method, res.Request.URL.Path, res.StatusCode)
	}
	return string(b), err
}

// tellCodes writes each one-time code that reaches the reader's account, as her own
// software would show it, until the context ends.
func (w *world) tellCodes(ctx context.Context, out io.Writer) {
	told := len(w.social.account.Direct())
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		notes := w.social.account.Direct()
		for _, n := range notes[min(told, len(notes)):] {
			if code := oneTimeCode.FindString(n.Content); code != "" {
				fmt.Fprintf(out, "a note came to %s: her code is %s\n", w.social.account.Handle(), code)
			}
		}
		told = len(notes)
	}
}

var oneTimeCode = regexp.MustCompile(`\b[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}\b`)
