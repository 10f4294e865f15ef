package remote

import (
	"encoding/json"
	"testing"
)

func TestCheckID(t *testing.T) {
	const asked = "https://a.example/n/1"
	for body, kind := range map[string]Kind{
		`{"id":"https://a.example/n/1"}`:                                   "",
		`{"id":"https://A.example:443/n/1"}`:                               "", // another spelling of the same
		`{"id":"https://a.example/final"}`:                                 "",
		`{"id":"https:\/\/a.example\/n\/1"}`:                               "",
		`{"id":"https://a.example/n/2"}`:                                   KindWrongID,
		`{"id":"https://a.example/n/1/"}`:                                  KindWrongID,
		`{"id":"https://a.example/n/1?x"}`:                                 KindWrongID,
		`{"id":"https://a.example/n/1#x"}`:                                 KindWrongID,
		`{"id":"https://b.example/n/1"}`:                                   KindWrongID,
		`{"id":"http://a.example/n/1"}`:                                    KindWrongID,
		`{"id":"/n/1"}`:                                                    KindWrongID,
		`{"id":""}`:                                                        KindWrongID,
		`{"id":"https://a.example/n/1\u0000"}`:                             KindWrongID,
		`{"id":null}`:                                                      KindMalformed,
		`{"id":["https://a.example/n/1"]}`:                                 KindMalformed,
		`{"id":{"id":"https://a.example/n/1"}}`:                            KindMalformed,
		`{"@id":"https://a.example/n/1"}`:                                  KindMalformed,
		`{"ID":"https://a.example/n/1"}`:                                   KindMalformed,
		`{"id":"https://a.example/n/1","Id":"https://a.example/n/2"}`:      KindMalformed,
		`{"id":"https://a.example/n/1","id":"https://a.example/n/1"}`:      KindMalformed,
		`{"id":"https://a.example/n/1","\u0069d":"https://a.example/n/2"}`: KindMalformed,
		`{"object":{"id":"https://a.example/n/1"}}`:                        KindMalformed,
		`[{"id":"https://a.example/n/1"}]`:                                 KindMalformed,
		`{"id":"https://a.example/n/1"} {}`:                                KindMalformed,
		`{"id":"https://a.example/n/1"`:                                    KindMalformed,
		`{"id":"https://a.example/n/1",}`:                                  KindMalformed,
		`"https://a.example/n/1"`:                                          KindMalformed,
		`<html>`:                                                           KindMalformed,
		``:                                                                 KindMalformed,
	} {
		c := fleet{}.client(t)
		err := c.CheckID(&Document{Body: []byte(body), URL: "https://a.example/final"}, asked)
		if kind != "" {
			wantKind(t, err, kind)
		} else if err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	c := fleet{}.client(t)
	moved := &Document{Body: []byte(`{"id":"https://a.example/n/1"}`), URL: "https://b.example/n/1"}
	wantKind(t, c.CheckID(moved, asked), KindWrongID)
}

// Where an id is found, every reader of the same bytes finds that one.
func FuzzTopLevelID(f *testing.F) {
	f.Add([]byte(`{"id":"a","x":[{"ID":1}]}`))
	f.Add([]byte(`{"x":1,"id":"a"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		id, err := topLevelID(body)
		if err != nil {
			return
		}
		var exact map[string]any
		var loose struct{ ID string }
		if err := json.Unmarshal(body, &exact); err != nil || exact["id"] != id {
			t.Fatalf("%q: found %q, a map has %v, %v", body, id, exact["id"], err)
		}
		if err := json.Unmarshal(body, &loose); err != nil || loose.ID != id {
			t.Fatalf("%q: found %q, a struct has %q, %v", body, id, loose.ID, err)
		}
	})
}
