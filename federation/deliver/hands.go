package deliver

import "time"

// hands are goroutines that do one thing after another: a post grows the stack of its
// goroutine several times, and a new one would do so again for each.
type hands chan func()

// handsRest is how long one waits for something to do before it ends.
const handsRest = 10 * time.Second

// do runs f beside the caller, without delay.
func (h hands) do(f func()) {
	select {
	case h <- f:
	default:
		go h.work(f)
	}
}

func (h hands) work(f func()) {
	rest := time.NewTimer(handsRest)
	defer rest.Stop()
	for {
		f()
		rest.Reset(handsRest)
		select {
		case f = <-h:
		case <-rest.C:
			return
		}
	}
}
