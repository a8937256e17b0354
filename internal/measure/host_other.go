//go:build !linux

package measure

import "errors"

func look(string) (*Host, error) {
	return nil, errors.New("only Linux hosts can be measured: pinning threads and the place of CPUs are read the Linux way")
}

func pin(int) error { return nil }

func preemptions() int64 { return 0 }

func faults(*bench, bool) ([]window, error) { return nil, errors.ErrUnsupported }

const faultPages = 64
