//go:build !unix

package experiment

import "time"

// cpuTime is the time on the wall, for want of better.
func cpuTime() time.Duration { return time.Since(processStart) }
