package mesi

import (
	"strings"
	"testing"
)

func TestEveryRowHasTheEffectsItsStatesImply(t *testing.T) {
	for _, name := range Names() {
		for bits := range 1 << 6 {
			o := DefaultOptions(name)
			o.PutS, o.SilentE, o.NonBlockingS = bits&1 != 0, bits&2 != 0, bits&4 != 0
			o.Recall, o.Upgrade = bits&8 != 0, bits&16 != 0
			if bits&32 != 0 {
				o.SharerPointers, o.SharerGroup, o.Caches = 2, 2, 8
			}
			p, err := New(name, o)
			if err != nil {
				continue
			}
			if err := p.Lint(); err != nil {
				t.Errorf("%s %+v:\n%v", name, o, err)
			}
		}
	}
}

func TestEveryRowSaysWhy(t *testing.T) {
	for _, d := range definitions {
		for _, g := range d.groups {
			for _, r := range g.cache {
				if strings.TrimSpace(r.Why) == "" {
					t.Errorf("%s: cache row %v %v has no reason", d.name, r.From, r.On)
				}
			}
			for _, r := range g.home {
				if strings.TrimSpace(r.Why) == "" {
					t.Errorf("%s: home row %v %v has no reason", d.name, r.From, r.On)
				}
			}
		}
	}
}

func TestLintNoticesAForgottenPerform(t *testing.T) {
	p, err := New("mesi", DefaultOptions("mesi"))
	if err != nil {
		t.Fatal(err)
	}
	rows := append([]CacheRow(nil), p.CacheRows()...)
	for i, r := range rows {
		if r.From == IM_A && r.On == OnInvAckLast {
			rows[i].Do = do(SubAck, SendUnbX)
		}
	}
	q, err := p.WithRows(rows, p.HomeRows())
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Lint(); err == nil || !strings.Contains(err.Error(), "IM_A InvAck.last") {
		t.Errorf("lint says %v", err)
	}
}

func TestLintNoticesACycleOfMessageClasses(t *testing.T) {
	p, err := New("mesi", DefaultOptions("mesi"))
	if err != nil {
		t.Fatal(err)
	}
	home := append([]HomeRow(nil), p.HomeRows()...)
	for i, r := range home {
		if r.From == B_X && r.On == AtUnbX {
			home[i].Do = do(OwnReq, ForwardGetS, ForgetReq)
		}
	}
	q, err := p.WithRows(p.CacheRows(), home)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Lint(); err == nil || !strings.Contains(err.Error(), "UnbX must not cause FwdGetS") {
		t.Errorf("lint says %v", err)
	}
}
