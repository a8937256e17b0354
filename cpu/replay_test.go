package cpu

import (
	"reflect"
	"strings"
	"testing"
)

// A replay is exact only if a picture shows all that the next steps depend on. Whoever
// gives the core a new field says here what a replay makes of it.
func TestReplayAccountsForEveryFieldOfTheCore(t *testing.T) {
	accounts := map[string]string{
		"in the picture":                 "Core.now cur curPC head tail used unresolved unasked pc fetchOn drainAsked drainReady settled sqHead sqRet sqTail sqUnknown cal depth noPreempt opStart code epoch; code.prog hold histories; entry.at phase flags set need level pc deps gates next sq epoch; store.epoch pc hasAddr hasData gone missed gates; calendar.bits now",
		"from what is in the picture":    "Core.pendSet pend rename; entry.op seq ld st slots; store.bytes class; calendar.far head; code.ops info counts; Core.fetchWhy",
		"the same always":                "Core.id rules port St mask fifo sqMask InOrder loops; scheduler.words tasks codes peer before on queue",
		"a round has none of it":         "Core.arrived pendPC pending atomics fills retry fetchAt halted Stopped Finished armed monitor heldUntil pinned scFailed rmw chain yield yieldTo atomicWord atomicAt gone left Halted; scheduler.state until sliceEnd began attend asleep posted post keep bytes told; store.object",
		"a value":                        "Core.regs filter win sq; entry.v val addr perfAt; store.addr val",
		"counted":                        "Core.Progress; code.Cycles",
		"no state between steps":         "Core.woken due report",
		"part of the core, listed apart": "Core.scheduler",
	}
	listed := map[string]bool{}
	for _, fields := range accounts {
		for _, group := range strings.Split(fields, "; ") {
			of, names, _ := strings.Cut(group, ".")
			for _, name := range strings.Fields(names) {
				listed[of+"."+name] = true
			}
		}
	}
	for _, x := range []any{Core{}, scheduler{}, code{}, entry{}, store{}, calendar{}} {
		typ := reflect.TypeOf(x)
		for i := range typ.NumField() {
			if name := typ.Name() + "." + typ.Field(i).Name; !listed[name] {
				t.Errorf("%s: does a replay (steady.go) go on as steps would, whatever it is?", name)
			} else {
				delete(listed, name)
			}
		}
	}
	for name := range listed {
		t.Errorf("%s: there is no such field", name)
	}
}
