package demo_test

import (
	"bytes"
	"context"
	"testing"

	"valise/cmd/internal/demo"
)

// TestOnce plays the whole story, as `valise demo --once` does.
func TestOnce(t *testing.T) {
	var out bytes.Buffer
	err := demo.Run(context.Background(), demo.Options{Once: true, Dir: t.TempDir(), Out: &out})
	t.Log("\n" + out.String())
	if err != nil {
		t.Fatal(err)
	}
}
