package measure

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// faultPages is how many pages a thread touches before it gives them back.
const faultPages = 64

// faults times anonymous page faults of threads that touch pages of their own:
// in one VMA, or in a VMA each, between which lies a page without access.
func faults(b *bench, one bool) ([]window, error) {
	const page, span = 4096, 2 << 20 // threads on page tables of their own
	bytes := (len(b.cpus) + 1) * span
	region, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("cannot map memory to fault on: %w", err)
	}
	defer unix.Munmap(region)
	if err := unix.Madvise(region, unix.MADV_NOHUGEPAGE); err != nil && err != unix.EINVAL { // EINVAL: there are none
		return nil, fmt.Errorf("cannot rule out huge pages: %w", err)
	}
	for i := range b.cpus {
		part := region[i*span : (i+1)*span]
		if !one {
			if err := unix.Mprotect(part[span-page:], unix.PROT_NONE); err != nil {
				return nil, fmt.Errorf("cannot split the VMA: %w", err)
			}
		}
		mine := part[:faultPages*page]
		b.loops = append(b.loops, func(_ *worker, n int) {
			for range n / faultPages {
				for at := 0; at < len(mine); at += page {
					mine[at] = 1
				}
				_ = unix.Madvise(mine, unix.MADV_DONTNEED)
			}
		})
	}
	b.batch = faultPages
	return b.run()
}
