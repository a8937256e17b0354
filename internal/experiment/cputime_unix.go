//go:build unix

package experiment

import (
	"syscall"
	"time"
)

// cpuTime is what this process has had of the host's CPUs: unlike the time on the
// wall it does not depend on what else the host does.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return time.Since(processStart)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
