package access

// FillHashers takes every place to hash, until the function that it returns is called.
func (a *Access) FillHashers() func() {
	for range hashesAtOnce {
		a.hashers <- struct{}{}
	}
	return func() {
		for range hashesAtOnce {
			<-a.hashers
		}
	}
}

// WaitAfter is waitAfter for names.
var WaitAfter = waitAfter
