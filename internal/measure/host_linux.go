package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// look finds out what the process may use and how its CPUs lie.
func look(root string) (*Host, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("cannot read the CPUs this process may use: %w", err)
	}
	h := &Host{}
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			h.CPUs = append(h.CPUs, readCPU(root, cpu))
		}
	}
	h.Model = readModel(root)
	h.llc = readLLC(root)
	return h, nil
}

// readCPU reads what sysfs says of a CPU's place. What it does not say counts as
// one of a kind: a virtual machine may hide everything.
func readCPU(root string, cpu int) CPU {
	dir := filepath.Join(root, "sys/devices/system/cpu", fmt.Sprintf("cpu%d", cpu))
	c := CPU{ID: cpu}
	c.core = firstOf(filepath.Join(dir, "topology/thread_siblings_list"), cpu)
	c.socket = number(filepath.Join(dir, "topology/physical_package_id"))
	c.l3 = -1 - c.socket // no L3 is known: one for the socket
	caches, _ := filepath.Glob(filepath.Join(dir, "cache/index*"))
	for _, cache := range caches {
		if number(filepath.Join(cache, "level")) == 3 {
			c.l3 = firstOf(filepath.Join(cache, "shared_cpu_list"), cpu)
		}
	}
	return c
}

// firstOf is the lowest CPU of a list such as "0-7,64-71".
func firstOf(path string, otherwise int) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return otherwise
	}
	end := strings.IndexAny(string(text), "-,\n")
	if end < 0 {
		end = len(text)
	}
	n, err := strconv.Atoi(string(text[:end]))
	if err != nil {
		return otherwise
	}
	return n
}

func number(path string) int {
	text, _ := os.ReadFile(path)
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

// readModel is the CPU's name: x86 has it in words, arm64 as part numbers.
func readModel(root string) string {
	text, _ := os.ReadFile(filepath.Join(root, "proc/cpuinfo"))
	var implementer, part string
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "model name":
			return value
		case "CPU implementer":
			implementer = value
		case "CPU part":
			part = value
		}
	}
	if part != "" {
		return fmt.Sprintf("%s CPU, implementer %s part %s", runtime.GOARCH, implementer, part)
	}
	return runtime.GOARCH + " CPU"
}

// readLLC is the size of the largest cache in bytes, 0 if it is not known.
func readLLC(root string) int {
	var sizes []int
	files, _ := filepath.Glob(filepath.Join(root, "sys/devices/system/cpu/cpu*/cache/index*/size"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		if k, ok := strings.CutSuffix(strings.TrimSpace(string(text)), "K"); ok {
			if n, err := strconv.Atoi(k); err == nil {
				sizes = append(sizes, n<<10)
			}
		}
	}
	if len(sizes) == 0 {
		return 0
	}
	return slices.Max(sizes)
}

// pin binds the calling thread, which must be locked to its goroutine.
func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return unix.SchedSetaffinity(0, &set)
}

// preemptions counts how often the calling thread lost its CPU against its will.
func preemptions() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) != nil {
		return 0
	}
	return u.Nivcsw
}
