package page

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

const (
	// onceFor is how long a form is known that was acted upon.
	onceFor = time.Hour
	// onceMost bounds the forms that are remembered.
	onceMost = 50_000
)

// done is one form: where its act led.
type done struct {
	sync.Mutex
	to string
}

func newForms() *otter.Cache[string, *done] {
	return otter.Must(&otter.Options[string, *done]{MaximumSize: onceMost, ExpiryCalculator: otter.ExpiryWriting[string, *done](onceFor)})
}

// Once acts on a form that holds a field "once" (template function once) and sends the
// viewer to where it leads. The same form sent again, or twice at a time, leads there
// without acting; a form without the field acts each time. What failed can be sent again.
func (r *Request) Once(act func() (to string, err error)) error {
	token := r.Field("once")
	if token == "" {
		to, err := act()
		if err != nil {
			return err
		}
		return r.See(to)
	}
	d, _ := r.site.forms.SetIfAbsent(string(r.Person())+" "+r.FullPath()+" "+token, &done{})
	d.Lock()
	defer d.Unlock()
	if d.to == "" {
		to, err := act()
		if err != nil {
			return err
		}
		d.to = to
	}
	return r.See(d.to)
}

// once names one showing of a form.
func once() string { return rand.Text() }
