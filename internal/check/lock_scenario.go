package check

import (
	"fmt"
	"slices"

	"cohsim/cpu"
	"cohsim/vmalock"
)

// lockScenario is what the tasks of a lock check do. Their programs are in
// vmalock/tasks/tasks.uop.
type lockScenario struct {
	name, doc string
	question  bool   // a broken law is an answer
	reader    string // programs, if not the standard ones
	writer    string
	detacher  string // "": it has none
	params    map[string]int64
	sameMM    bool // a detacher's memory becomes a VMA of the mm that it was taken from
	seqBits   int  // width of sequence numbers, 0: the kernel's
	tree      bool // mm_mt is a maple tree of one leaf, walked by the kernel's programs
}

var lockScenarios = []lockScenario{
	{name: "grace", doc: "what a detacher has unmapped is freed when everybody has left, after an RCU grace period",
		detacher: "check_detacher", params: map[string]int64{"REUSE": 0}},
	{name: "reuse", doc: "it is freed at once, and becomes a VMA of another mm",
		detacher: "check_detacher", params: map[string]int64{"REUSE": 1}},
	{name: "exit", doc: "... which then unmaps it and ends, so that its mm is freed",
		detacher: "check_detacher", params: map[string]int64{"REUSE": 2}},
	{name: "remap", doc: "it is freed at once, and becomes another VMA of the same mm",
		detacher: "check_detacher", params: map[string]int64{"REUSE": 1}, sameMM: true},
	{name: "killed", doc: "a fatal signal, which the detacher sends, may end a writer's wait for readers",
		writer: "check_killed", detacher: "check_killer"},
	{name: "tree", doc: "the tree is a leaf: readers walk it, a writer replaces it twice and uses a node again after a grace period",
		reader: "check_walker", writer: "check_replacer", tree: true},
	{name: "q1", doc: "question: a writer loads what readers store; may it miss a reader that has left?", question: true,
		reader: "check_faulter", writer: "check_looker"},
	{name: "q2", doc: "question: a writer loads what readers store; may it see one that comes after its unlock?", question: true,
		reader: "check_follower", writer: "check_early_looker"},
	{name: "q3", doc: "question: sequence numbers of 4 bits wrap; may a writer take an old mark for its own?", question: true,
		writer: "check_wrapper", seqBits: 4},
}

// ScenarioNames lists the scenarios of lock checks.
func ScenarioNames() []string {
	var names []string
	for _, s := range lockScenarios {
		names = append(names, s.name)
	}
	return names
}

// ScenarioDoc is what the tasks of a scenario do, in one line.
func ScenarioDoc(name string) string { return scenario(name).doc }

// Detaches says that a scenario has something for detachers to do.
func Detaches(name string) bool {
	return slices.ContainsFunc(lockScenarios, func(s lockScenario) bool { return s.name == name && s.detacher != "" })
}

// IsQuestion says that in this scenario a broken law is an answer, not a failure.
func IsQuestion(name string) bool { return scenario(name).question }

func scenario(name string) lockScenario {
	for _, s := range lockScenarios {
		if s.name == name {
			for _, p := range []struct {
				is       *string
				standard string
			}{{&s.reader, "check_reader"}, {&s.writer, "check_writer"}} {
				if *p.is == "" {
					*p.is = p.standard
				}
			}
			return s
		}
	}
	panic("check: no scenario " + name)
}

// MaxLockTasks is the most tasks of a kind in a lock check.
const MaxLockTasks = 8

// armWindow is how many ops of a task are in flight under a model that reorders loads.
const armWindow = 8

// DefaultLockRequest is the check of a lock under a model that takes seconds. The
// layout is still to be set.
func DefaultLockRequest(lock vmalock.Kind, m *cpu.Model) LockRequest {
	r := LockRequest{Lock: lock, Model: m, ISA: cpu.X86_64, Readers: 2, Writers: 1, Detachers: 1, Rounds: 1}
	switch m {
	case cpu.SC:
		r.Readers, r.Detachers = 3, 0
	case cpu.ARMv8:
		r.ISA, r.Readers, r.Window = cpu.ARM64LSE, 1, armWindow
	}
	return r
}

// Tasks says in short which tasks there were.
func (r *LockReport) Tasks() string {
	s := ""
	for _, n := range []struct {
		n    int
		what string
	}{{r.Readers, "R"}, {r.Writers, "W"}, {r.Detachers, "D"}} {
		if n.n > 0 {
			s += fmt.Sprint(" ", n.n, n.what)
		}
	}
	if r.Rounds > 1 {
		s += fmt.Sprintf(" x%d", r.Rounds)
	}
	return s[min(1, len(s)):]
}
