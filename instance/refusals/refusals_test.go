package refusals

import (
	"errors"
	"fmt"
	"testing"

	"valise/federation/policy"
	"valise/federation/remote"
	"valise/models"
	"valise/models/files"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want Refusal
		ok   bool
	}{
		{"plain", &policy.Refusal{Code: "classified", Status: 422, Detail: "no"}, Refusal{Code: "classified", Status: 422, Detail: "no"}, true},
		{"of a field", policy.About("marking", &policy.Refusal{Code: "classified", Status: 422, Detail: "no"}), Refusal{"classified", 422, "no", "marking"}, true},
		{"wrapped", fmt.Errorf("release: paragraph %d: %w", 3, &policy.Refusal{Code: "classified", Status: 422, Detail: "no"}), Refusal{Code: "classified", Status: 422, Detail: "release: paragraph 3: no"}, true},
		{"without status", &policy.Refusal{Code: "public", Detail: "no"}, Refusal{Code: "public", Status: 403, Detail: "no"}, true},
		{"the other instance", fmt.Errorf("find it: %w", &remote.Error{Kind: remote.KindTimeout, Op: "get", URL: "https://a.example/actor"}), Refusal{Code: "timeout", Status: 502, Detail: "find it: get https://a.example/actor: timeout"}, true},
		{"large file", fmt.Errorf("upload: %w", files.ErrTooLarge), Refusal{Code: "invalid", Status: 422, Detail: "upload: the file is larger than allowed"}, true},
		{"busy", fmt.Errorf("release: %w", models.ErrBusy), Refusal{Code: "try-again", Status: 503, Detail: "the database is busy with other work; nothing was changed; try again in a moment"}, true},
		{"ours", errors.New("disk full"), Refusal{}, false},
	} {
		if got, ok := Of(c.err); got != c.want || ok != c.ok {
			t.Errorf("%s: got %+v, %t; want %+v, %t", c.name, got, ok, c.want, c.ok)
		}
	}
}
