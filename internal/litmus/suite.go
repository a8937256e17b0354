package litmus

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
)

// The project's own tests: cycles that [Suite] lists, a few written by hand, and the
// outcomes that each has under each model.
//
//go:embed testdata/hand testdata/suite.tsv
var data embed.FS

// Entry is one test of the suite.
type Entry struct {
	Name  string
	Arch  Arch
	Cycle string // "" if written by hand
	text  string
}

// Suite is what stands for the entry's suite in a verdict file.
func (e Entry) Suite() string { return strings.ToLower(e.Arch.String()) }

// Path is the file name that the entry goes by.
func (e Entry) Path() string { return e.Suite() + "/" + e.Name + ".litmus" }

// Text returns the test as written.
func (e Entry) Text() (string, error) {
	if e.Cycle == "" {
		return e.text, nil
	}
	return Generate(e.Arch, e.Name, e.Cycle)
}

// Test returns the test itself.
func (e Entry) Test() (*Test, error) {
	text, err := e.Text()
	if err != nil {
		return nil, err
	}
	return Parse(e.Path(), text)
}

// slot is one way to write the program order of a thread: a link and what the accesses
// at its ends are.
type slot struct{ from, link, to string }

func (s slot) String() string {
	l := s.link
	if l == "" {
		l = "po"
	}
	parts := []string{strings.ToLower(l)}
	if s.from != "" {
		parts = append([]string{s.from}, parts...)
	}
	if s.to != "" {
		parts = append(parts, s.to)
	}
	return strings.Join(parts, "-")
}

// cycle writes the slot between accesses of the directions d.
func (s slot) cycle(d string) string {
	e := "Pod" + d
	switch s.link {
	case "Addr", "Data", "Ctrl", "CtrlIsb":
		e = "Dp" + s.link + "d" + d[1:]
	case "":
	default:
		e = s.link + "d" + d
	}
	return strings.Join(strings.Fields(s.from+" "+e+" "+s.to), " ")
}

// family is a shape of two threads: a slot each, and the edges between.
type family struct{ name, d0, c0, d1, c1 string }

var families = []family{
	{"SB", "WR", "Fre", "WR", "Fre"},
	{"MP", "WW", "Rfe", "RR", "Fre"},
	{"LB", "RW", "Rfe", "RW", "Rfe"},
	{"S", "WW", "Rfe", "RW", "Coe"},
	{"R", "WW", "Coe", "WR", "Fre"},
	{"2+2W", "WW", "Coe", "WW", "Coe"},
}

// usual are the slots that every family is written with, by direction.
var usual = map[Arch]map[string][]slot{
	X86: {
		"WR": {{}, {link: "MFence"}, {from: "Xchg"}, {to: "Xchg"}, {from: "Xadd"}, {to: "Xadd"}, {from: "Cmpxchg"}, {to: "Cmpxchg"}, {from: "LockAdd"}},
		"WW": {{}, {from: "Xchg"}, {to: "Cmpxchg"}},
		"RR": {{}, {from: "Xadd"}, {to: "Cmpxchg"}},
		"RW": {{}, {to: "Xadd"}},
	},
	AArch64: {
		"WR": {{}, {link: "DMB.SY"}, {from: "L", to: "A"}, {from: "L", to: "Q"}, {from: "Ex"}, {from: "CasAL"}},
		"WW": {{}, {link: "DMB.ST"}, {link: "DMB.LD"}, {to: "L"}, {to: "AddL"}, {to: "ExL"}, {from: "CasA"}},
		"RR": {{}, {link: "DMB.LD"}, {link: "Addr"}, {link: "Ctrl"}, {link: "CtrlIsb"}, {link: "CtrlIsb", to: "A"}, {link: "CtrlIsb", to: "Q"}, {from: "A"}, {from: "Q"}, {from: "CasA"}, {from: "ExA"}, {from: "AddA"}},
		"RW": {{}, {link: "DMB.LD"}, {link: "Addr"}, {link: "Data"}, {link: "Ctrl"}, {from: "A"}, {to: "L"}, {link: "Addr", to: "Ex"}, {link: "Data", to: "Swp"}},
	},
}

// kinds are all kinds of access, for the systematic pairs.
var kinds = map[Arch]map[byte][]string{
	X86:     {'R': {"", "Xchg", "Xadd", "Cmpxchg"}, 'W': {"", "Xchg", "Xadd", "Cmpxchg", "LockAdd"}},
	AArch64: {'R': {"", "A", "Q", "Swp", "SwpA", "SwpL", "SwpAL"}, 'W': {"", "L", "Swp", "SwpA", "SwpL", "SwpAL", "StAdd", "StAddL", "AddL", "AddA", "CasA", "ExA", "ExL"}},
}

// strong closes a cycle without giving anything away.
var strong = map[Arch]string{X86: "MFence", AArch64: "DMB.SY"}

// Known returns the outcomes of the suite's tests, each under its own architecture's model.
func Known() (Verdicts, error) {
	f, err := data.Open("testdata/suite.tsv")
	if err != nil {
		return nil, err
	}
	return ReadVerdicts("suite.tsv", f)
}

// Suite lists the project's own tests.
func Suite() []Entry {
	var es []Entry
	seen := map[string]bool{}
	add := func(a Arch, name, cycle string) {
		if !seen[a.String()+name] {
			seen[a.String()+name] = true
			es = append(es, Entry{Name: name, Arch: a, Cycle: cycle})
		}
	}
	for _, a := range []Arch{X86, AArch64} {
		for _, f := range families {
			for i, s0 := range usual[a][f.d0] {
				for j, s1 := range usual[a][f.d1] {
					if f.d0 == f.d1 && f.c0 == f.c1 && j < i {
						continue // the same test with its threads exchanged
					}
					add(a, fmt.Sprintf("%s+%v+%v", f.name, s0, s1), s0.cycle(f.d0)+" "+f.c0+" "+s1.cycle(f.d1)+" "+f.c1)
				}
			}
		}
		// Every pair of kinds in program order, with nothing and with each fence
		// between them, against a thread that is fully ordered.
		other := slot{link: strong[a]}
		for _, f := range []family{families[0], families[1], families[2], families[5], {"MP'", "RR", "Fre", "WW", "Rfe"}, {"R'", "WR", "Fre", "WW", "Coe"}} {
			for _, from := range kinds[a][f.d0[0]] {
				for _, to := range kinds[a][f.d0[1]] {
					links := []string{""}
					if slices.Contains([]string{"", "A", "L", "StAdd", "SwpAL"}, from) && slices.Contains([]string{"", "A", "Q", "L", "StAdd", "SwpL"}, to) {
						links = append(links, fenceNames[a]...)
					}
					for _, link := range links {
						s := slot{from, link, to}
						add(a, fmt.Sprintf("%s+%v+%v", f.name, s, other), s.cycle(f.d0)+" "+f.c0+" "+other.cycle(f.d1)+" "+f.c1)
					}
				}
			}
		}
		for _, line := range strings.Split(strings.TrimSpace(cycles[a]), "\n") {
			name, cycle, _ := strings.Cut(line, ":")
			add(a, strings.TrimSpace(name), strings.TrimSpace(cycle))
		}
	}
	files, _ := data.ReadDir("testdata/hand") // embedded: cannot fail
	for _, f := range files {
		text, _ := data.ReadFile(path.Join("testdata/hand", f.Name()))
		e := Entry{Name: strings.TrimSuffix(f.Name(), ".litmus"), text: string(text)}
		if strings.HasPrefix(e.text, AArch64.String()) {
			e.Arch = AArch64
		}
		es = append(es, e)
	}
	return es
}

// cycles are the shapes that need naming one by one: three and more threads, coherence,
// forwarding.
var cycles = map[Arch]string{
	X86: `
CoRR: PosRR Fre Rfe
CoRW: Rfe PosRW Coe
CoWR: PosWR Fre Coe
CoRW1: PosRW Rfe PosRW Rfe
MP-same: PosWW Rfe PosRR Fre
SB+rfi-po+rfi-po: Rfi PodRR Fre Rfi PodRR Fre
SB+rfi-po+mfence: Rfi PodRR Fre MFencedWR Fre
R+po+rfi-po: PodWW Coe Rfi PodRR Fre
WRC: Rfe PodRW Rfe PodRR Fre
RWC: Rfe PodRR Fre PodWR Fre
RWC+mfence: Rfe PodRR Fre MFencedWR Fre
WWC: Rfe PodRW Coe PodWR Fre
IRIW: Rfe PodRR Fre Rfe PodRR Fre
ISA2: PodWW Rfe PodRW Rfe PodRR Fre
Z6.3: PodWW Coe PodWW Rfe PodRR Fre
Z6.4: PodWW Coe PodWR Fre PodWR Fre
3.SB: PodWR Fre PodWR Fre PodWR Fre
3.SB+xadd: PodWR Fre PodWR Xadd Fre PodWR Fre
3.LB: PodRW Rfe PodRW Rfe PodRW Rfe
3.2W: PodWW Coe PodWW Coe PodWW Coe
W+RWC+lock: PodWW Rfe PodRR Fre LockAdd PodWR Fre`,
	AArch64: `
CoRR: PosRR Fre Rfe
CoRR+A: A PosRR Fre Rfe
CoRW: Rfe PosRW Coe
CoWR: PosWR Fre Coe
CoRW1: PosRW Rfe PosRW Rfe
MP-same: PosWW Rfe PosRR Fre
CoRR+swp: PosRR Fre Swp Rfe
CoWR+swpa: SwpA PosWR Fre Coe
SB+rfi-po+rfi-po: Rfi PodRR Fre Rfi PodRR Fre
SB+rfi-addr+dmb.sy: Rfi DpAddrdR Fre DMB.SYdWR Fre
SB+swp-rfi-addr+dmb.sy: Swp Rfi DpAddrdR Fre DMB.SYdWR Fre
SB+swpl-rfi-A+dmb.sy: SwpL Rfi A PodRR Fre DMB.SYdWR Fre
SB+ex-rfi-A+dmb.sy: Ex Rfi A PodRR Fre DMB.SYdWR Fre
R+dmb.sy+rfi-addr: DMB.SYdWW Coe Rfi DpAddrdR Fre
MP+dmb.sy+ctrl-rfi-addr: DMB.SYdWW Rfe DpCtrldW Rfi DpAddrdR Fre
MP+dmb.sy+addr-rfi-addr: DMB.SYdWW Rfe DpAddrdW Rfi DpAddrdR Fre
MP+dmb.sy+data-rfi-addr: DMB.SYdWW Rfe DpDatadW Rfi DpAddrdR Fre
MP+dmb.sy+addr-po: DMB.SYdWW Rfe DpAddrdR PodRR Fre
S+dmb.sy+addr-po: DMB.SYdWW Rfe DpAddrdR PodRW Coe
LB+addr-po+data: DpAddrdR PodRW Rfe DpDatadW Rfe
LB+data-rfi-data+data: DpDatadW Rfi DpDatadW Rfe DpDatadW Rfe
LB+data-rfi-ctrl+data: DpDatadW Rfi DpCtrldW Rfe DpDatadW Rfe
MP+dmb.sy+fri-rfi-addr: DMB.SYdWW Rfe Fri Rfi DpAddrdR Fre
MP+dmb.sy+fri-rfi-ctrlisb: DMB.SYdWW Rfe Fri Rfi DpCtrlIsbdR Fre
S+dmb.sy+fri-rfi-data: DMB.SYdWW Rfe Fri Rfi DpDatadW Coe
WRC+po+addr: Rfe PodRW Rfe DpAddrdR Fre
WRC+data+addr: Rfe DpDatadW Rfe DpAddrdR Fre
WRC+addr+A: Rfe DpAddrdW Rfe A PodRR Fre
WRC+po-L+A: Rfe PodRW L Rfe A PodRR Fre
RWC+addr+dmb.sy: Rfe DpAddrdR Fre DMB.SYdWR Fre
RWC+addr+L-A: Rfe DpAddrdR Fre L PodWR A Fre
RWC+addr+L-Q: Rfe DpAddrdR Fre L PodWR Q Fre
WWC+data+addr: Rfe DpDatadW Rfe DpAddrdW Coe
IRIW+addr+addr: Rfe DpAddrdR Fre Rfe DpAddrdR Fre
IRIW+addr+po: Rfe DpAddrdR Fre Rfe PodRR Fre
IRIW+L-A: L Rfe A PodRR A Fre L Rfe A PodRR A Fre
ISA2+dmb.sy+data+addr: DMB.SYdWW Rfe DpDatadW Rfe DpAddrdR Fre
ISA2+L+data+A: PodWW L Rfe DpDatadW Rfe A PodRR Fre
ISA2+dmb.sy+po+addr: DMB.SYdWW Rfe PodRW Rfe DpAddrdR Fre
Z6.3+dmb.st+dmb.st+addr: DMB.STdWW Coe DMB.STdWW Rfe DpAddrdR Fre
3.LB+data+addr+ctrl: DpDatadW Rfe DpAddrdW Rfe DpCtrldW Rfe
3.2W+dmb.st+dmb.st+po: DMB.STdWW Coe DMB.STdWW Coe PodWW Coe
3.SB+dmb.sy+dmb.sy+L-A: DMB.SYdWR Fre DMB.SYdWR Fre L PodWR A Fre
3.SB+dmb.sy+dmb.sy+L-Q: DMB.SYdWR Fre DMB.SYdWR Fre L PodWR Q Fre`,
}
