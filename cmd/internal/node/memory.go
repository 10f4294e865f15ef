package node

import (
	"os"
	"runtime/debug"
)

// collectPercent is how much of the live heap is allocated again between two
// collections: a live heap is small here, and garbage is what arrivals leave.
const collectPercent = 200

// CollectLess has a serving process collect garbage less often than Go does by itself.
// The environment variable GOGC decides where it is set.
func CollectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectPercent)
	}
}
