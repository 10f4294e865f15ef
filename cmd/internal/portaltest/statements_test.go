package portaltest_test

import (
	"net/url"
	"testing"
)

// A page of a community runs at most eight statements, whatever is on it.
func TestCommunityStatements(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	c.join(t)
	for range 3 {
		c.share(t, "Water levels")
	}
	invitation := c.e.Get(c.path+"/invitations").Find(`a[href^="/invitations/"]`).First().AttrOr("href", "")
	who := "?who=" + url.QueryEscape(string(c.expert))
	store := c.Nodes[embassy].Store
	for _, path := range []string{"/communities", "/communities/new", c.path, c.path + "/members", c.path + "/member" + who, c.path + "/remove" + who, c.path + "/invite", c.path + "/invitations", c.path + "/ceiling?to=PUBLIC",
		c.path + "/moderation", c.path + "/comments", c.path + "/statistics", invitation} {
		before := store.Statements()
		c.e.Get(path).OK()
		if n := store.Statements() - before; n < 3 || n > 8 {
			t.Errorf("%s runs %d statements", path, n)
		}
	}
	theirs := c.Nodes[institute].Store
	for _, path := range []string{"/communities", c.path, c.path + "/members", c.path + "/comments", c.path + "/leave", invitation} {
		before := theirs.Statements()
		c.i.Get(path).OK()
		if n := theirs.Statements() - before; n < 3 || n > 8 {
			t.Errorf("at her instance %s runs %d statements", path, n)
		}
	}
}
