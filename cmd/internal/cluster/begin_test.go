package cluster_test

import (
	"testing"

	"valise/instance/drafting"
	"valise/models"
)

// A form that is sent again, at the same time or later, leads to the draft that it began:
// nothing but the database remembers it. Somebody else's form of the same name is another.
func TestOneFormBeginsOneDraft(t *testing.T) {
	inStudio(t, func(s *studio) {
		start := drafting.Start{Office: s.office, Form: "noteVerbale", Language: "en", Once: "ABC"}
		ids := make(chan string, 6)
		for range cap(ids) {
			go func() {
				d, err := s.Begin(s.Context(), s.alice, start)
				if err != nil {
					s.Errorf("begin: %v", err)
					d = &models.Draft{}
				}
				ids <- d.ID
			}()
		}
		first := <-ids
		for range cap(ids) - 1 {
			if id := <-ids; id != first {
				s.Errorf("one form began %s and %s", first, id)
			}
		}
		later, err := s.Begin(s.Context(), s.alice, drafting.Start{Office: s.office, Form: "cable", Language: "fr", Once: "ABC"})
		if err != nil || later.ID != first || later.Drafter != s.alice || later.Revision != 1 {
			s.Errorf("sent again: %+v, %v", later, err)
		}
		if bobs, err := s.Begin(s.Context(), s.bob, start); err != nil || bobs.ID == first || bobs.Drafter != s.bob {
			s.Errorf("bob's form: %+v, %v", bobs, err)
		}
		if other := s.begin(); other.ID == first {
			s.Error("a draft without a form is the same")
		}
	})
}
