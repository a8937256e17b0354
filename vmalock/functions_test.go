package vmalock_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/vmalock"
	"cohsim/workloads"
)

// functions are the kernel's functions that the lock is made of, each with a law
// of its success and one of its failure, or of the other way it can go. The tests
// below demand that each is a program, that the laws exist and run it, and that
// some workload's linked code has it.
var functions = []struct{ name, success, failure string }{
	// State, attach, detach.
	{"vma_lock_init", "TestANewVMAIsWriteLockedBeforeItIsAttached", "TestWithoutPerVMALocksOnlyMmapLockIsTouched"},
	{"vma_mark_attached", "TestANewVMAIsWriteLockedBeforeItIsAttached", "TestAttachingTwiceAndDetachingTwiceAreWarnings"},
	{"vma_mark_detached", "TestDetachGoesToZeroAndReadersAreSentToWalkAgain", "TestAttachingTwiceAndDetachingTwiceAreWarnings"},
	{"__vma_exclude_readers_for_detach", "TestDetachWaitsForAReaderInFlight", "TestDetachWithNobodyLeftWaitsForNobody"},
	// Readers.
	{"vma_start_read", "TestReadLockAddsOneAndUnlockTakesItBack", "TestAWriterSeenAfterTheCountMakesTheReaderGiveItBack"},
	{"vma_start_read_locked", "TestReadLockUnderMmapLockNeedsNoNumbers", "TestLockNextVMAWarnsWhereItCannotCount"},
	{"vma_start_read_locked_nested", "TestMovingLocksBothVMAsOrNeither", "TestMovingLocksBothVMAsOrNeither"},
	{"vma_end_read", "TestReadUnlockTakesOneBack", "TestWithoutPerVMALocksOnlyMmapLockIsTouched"},
	{"vma_refcount_put", "TestUnlockWakesTheWriterAtTheFlagAndTheFlagPlusOneOnly", "TestAWakeUpWithNobodyWaitingWritesNothing"},
	{"__vma_refcount_put_return", "TestACountThatWentWrongIsPinnedAndWarnedOf", "TestACountThatWentWrongIsPinnedAndWarnedOf"},
	{"__vma_are_readers_excluded", "TestReadersAreExcludedAtTheFlagAndTheFlagPlusOne", "TestReadersAreExcludedAtTheFlagAndTheFlagPlusOne"},
	{"lock_vma_under_rcu", "TestLockVMAUnderRCUFindsTheVMAThatCoversTheAddress", "TestAVMAThatMovedMeanwhileIsUnlockedAgain"},
	{"lock_next_vma", "TestLockNextVMAFindsTheFirstThatEndsAbove", "TestLockNextVMAFallsBackToMmapLock"},
	{"lock_next_vma_under_mmap_lock", "TestLockNextVMAFallsBackToMmapLock", "TestLockNextVMAWarnsWhereItCannotCount"},
	{"uffd_move_lock", "TestMovingLocksBothVMAsOrNeither", "TestMovingLocksBothVMAsOrNeither"},
	{"mmgrab", "TestTheLastDropFreesAnMM", "TestTheLastDropFreesAnMM"},
	{"mmdrop", "TestTheLastDropFreesAnMM", "TestAVMAOfAnotherMMIsPutBackWithThatMMPinned"},
	// Writers.
	{"__vma_raw_mm_seqnum", "TestAWriteLockMakesTheAccessesOfTheCompiledKernel", "TestAssertionsHoldAndFailWhereTheyShould"},
	{"__is_vma_write_locked", "TestASecondWriteLockOfAVMAOnlyReads", "TestAWriteLockedVMAHasItsMMsOddNumberAndItsOldCount"},
	{"__vma_start_exclude_readers", "TestAWriterSleepsUntilTheLastReaderLeavesAndIsWokenOnce", "TestAnInterruptedWriteLockPutsTheCountBack"},
	{"__vma_end_exclude_readers", "TestAWriteLockedVMAHasItsMMsOddNumberAndItsOldCount", "TestAnInterruptedWriteLockPutsTheCountBack"},
	{"__vma_start_write", "TestAWriteLockedVMAHasItsMMsOddNumberAndItsOldCount", "TestAnInterruptedWriteLockPutsTheCountBack"},
	{"vma_start_write", "TestAWriteLockedVMAHasItsMMsOddNumberAndItsOldCount", "TestWithoutPerVMALocksOnlyMmapLockIsTouched"},
	{"vma_start_write_killable", "TestAKillableWriteLockIsAWriteLock", "TestAnInterruptedWriteLockPutsTheCountBack"},
	{"vma_end_write_all", "TestUnlockingMmapLockReleasesEveryVMA", "TestWithoutPerVMALocksOnlyMmapLockIsTouched"},
	{"mm_lock_seqcount_begin", "TestAWriteLockedVMAHasItsMMsOddNumberAndItsOldCount", "TestNarrowNumbersWrap"},
	{"mm_lock_seqcount_end", "TestUnlockingMmapLockReleasesEveryVMA", "TestNarrowNumbersWrap"},
	{"mmap_lock_speculate_try_begin", "TestSpeculationIsRefusedInsideAWriterAndNoticedAfterOne", "TestSpeculationIsRefusedInsideAWriterAndNoticedAfterOne"},
	{"mmap_lock_speculate_retry", "TestSpeculationIsRefusedInsideAWriterAndNoticedAfterOne", "TestSpeculationIsRefusedInsideAWriterAndNoticedAfterOne"},
	{"mmap_write_lock", "TestAWriteLockOfMmapLockMakesTwoAtomicsAndFourStores", "TestNoInterleavingBreaksTheLocks"},
	{"mmap_write_lock_killable", "TestNoInterleavingBreaksTheLocks", "TestNoInterleavingBreaksTheLocks"},
	{"mmap_write_unlock", "TestAWriteLockOfMmapLockMakesTwoAtomicsAndFourStores", "TestNoInterleavingBreaksTheLocks"},
	{"mmap_write_downgrade", "TestADowngradeReleasesVMAsAndKeepsMmapLockForRead", "TestNoInterleavingBreaksTheLocks"},
	{"mmap_read_lock", "TestAReadLockOfMmapLockWritesCountAndOwner", "TestNoInterleavingBreaksTheLocks"},
	{"mmap_read_lock_killable", "TestLockNextVMAFallsBackToMmapLock", "TestNoInterleavingBreaksTheLocks"},
	{"mmap_read_trylock", "TestAKernelFaultTakesMmapLock", "TestTheFirstFaultPreparesTheVMAOrIsRepeated"},
	{"mmap_read_unlock", "TestAReadLockOfMmapLockWritesCountAndOwner", "TestNoInterleavingBreaksTheLocks"},
	// Assertions.
	{"mmap_assert_locked", "TestAssertionsHoldAndFailWhereTheyShould", "TestAssertionsHoldAndFailWhereTheyShould"},
	{"mmap_assert_write_locked", "TestAssertionsHoldAndFailWhereTheyShould", "TestAssertionsHoldAndFailWhereTheyShould"},
	{"vma_is_attached", "TestAttachedIsACountAboveNothing", "TestAttachedIsACountAboveNothing"},
	{"vma_assert_attached", "TestAssertionsHoldAndFailWhereTheyShould", "TestAssertionsHoldAndFailWhereTheyShould"},
	{"vma_assert_detached", "TestAssertionsHoldAndFailWhereTheyShould", "TestAssertionsHoldAndFailWhereTheyShould"},
	{"vma_assert_write_locked", "TestAssertionsHoldAndFailWhereTheyShould", "TestAssertionsHoldAndFailWhereTheyShould"},
	{"vma_assert_locked", "TestAssertionsReadWhatTheKernelReads", "TestAssertionsHoldAndFailWhereTheyShould"},
	{"vma_assert_stabilised", "TestAssertionsReadWhatTheKernelReads", "TestStabilisedSaysTooLittleWithoutLockdep"},
	{"anon_vma_name", "TestAssertionsHoldAndFailWhereTheyShould", "TestStabilisedSaysTooLittleWithoutLockdep"},
	{"vma_flag_set_atomic", "TestAssertionsHoldAndFailWhereTheyShould", "TestAssertionsHoldAndFailWhereTheyShould"},
	// The count's primitives.
	{"refcount_read", "TestACountThatWentWrongIsPinnedAndWarnedOf", "TestAttachedIsACountAboveNothing"},
	{"refcount_add_not_zero", "TestACountThatWentWrongIsPinnedAndWarnedOf", "TestACountThatWentWrongIsPinnedAndWarnedOf"},
	{"__refcount_inc_not_zero_limited_acquire", "TestTheLastCountBelowTheLimitIsStillGiven", "TestReadAtTheLimitFallsBackWithoutWriting"},
	{"refcount_sub_and_test", "TestACountThatWentWrongIsPinnedAndWarnedOf", "TestACountThatWentWrongIsPinnedAndWarnedOf"},
	{"refcount_dec_and_test", "TestACountThatWentWrongIsPinnedAndWarnedOf", "TestACountThatWentWrongIsPinnedAndWarnedOf"},
	{"refcount_dec", "TestACountThatWentWrongIsPinnedAndWarnedOf", "TestACountThatWentWrongIsPinnedAndWarnedOf"},
	{"refcount_set_release", "TestACountThatWentWrongIsPinnedAndWarnedOf", "TestANewVMAIsWriteLockedBeforeItIsAttached"},
	{"refcount_warn_saturate", "TestACountThatWentWrongIsPinnedAndWarnedOf", "TestAWarningEndsAJudgedRun"},
	// What they call, and who calls them.
	{"rcuwait_wake_up", "TestUnlockWakesTheWriterAtTheFlagAndTheFlagPlusOneOnly", "TestAWakeUpWithNobodyWaitingWritesNothing"},
	{"rcuwait_wait_event", "TestAWriterSleepsUntilTheLastReaderLeavesAndIsWokenOnce", "TestTheFirstOfTwoReadersToLeaveWakesNobody"},
	{"mas_walk", "TestTheTreeFindsEveryVMAAtEveryDepth", "TestTheTreeFindsEveryVMAAtEveryDepth"},
	{"mas_find", "TestLockNextVMAFindsTheFirstThatEndsAbove", "TestLockNextVMALooksAgainAfterAWriter"},
	{"mas_store", "TestStoringAnEntryTakesAVMAOutOfTheTreeAndPutsItBack", "TestNoInterleavingBreaksTheLocks"},
	{"mas_wr_node_store", "TestAWalkInAReplacedLeafBeginsAgain", "TestAReplacedLeafRestsForAGracePeriod"},
	{"mas_preallocate", "TestAReplacedLeafRestsForAGracePeriod", "TestAReplacedLeafRestsForAGracePeriod"},
	{"vm_area_alloc", "TestTheVMAFreedLastIsTheNextOneOfItsCPU", "TestTheVMAFreedLastIsTheNextOneOfItsCPU"},
	{"vm_area_free", "TestTheVMAFreedLastIsTheNextOneOfItsCPU", "TestFreeingAVMATwiceIsCaught"},
	{"lock_mm_and_find_vma", "TestAKernelFaultTakesMmapLock", "TestAKernelFaultTakesMmapLock"},
	{"vmf_anon_prepare", "TestTheFirstFaultPreparesTheVMAOrIsRepeated", "TestTheFirstFaultPreparesTheVMAOrIsRepeated"},
	{"__anon_vma_prepare", "TestTheFirstFaultPreparesTheVMAOrIsRepeated", "TestNoInterleavingBreaksTheLocks"},
	{"rcu_read_lock", "TestRCUReadSectionsNestAndCostNothingWithoutPreemption", "TestEveryWayThroughTheLockReleasesWhatItAcquired"},
	{"rcu_read_unlock", "TestRCUReadSectionsNestAndCostNothingWithoutPreemption", "TestEveryWayThroughTheLockReleasesWhatItAcquired"},
	{"rcu_qs", "TestAGracePeriodWaitsForTheReaderInsideAndForNobodyElse", "TestAGracePeriodWaitsForWhoeverHasNotReported"},
	{"get_state_synchronize_rcu", "TestAGracePeriodInProgressIsNotEnough", "TestAGracePeriodInProgressIsNotEnough"},
	{"poll_state_synchronize_rcu", "TestAGracePeriodInProgressIsNotEnough", "TestAReplacedLeafRestsForAGracePeriod"},
	{"cond_synchronize_rcu", "TestAGracePeriodWaitsForTheReaderInsideAndForNobodyElse", "TestATaskThatWasPreemptedInsideIsWaitedFor"},
	{"rcu_gp_fqs_loop", "TestAGracePeriodWaitsForTheReaderInsideAndForNobodyElse", "TestAGracePeriodThatDoesNotAskIsCaught"},
	{"lock_acquire", "TestLockdepKeepsTheListOfHeldLocks", "TestEveryWayThroughTheLockReleasesWhatItAcquired"},
	{"lock_release", "TestLockdepKeepsTheListOfHeldLocks", "TestReleasingWhatIsNotHeldIsAWarning"},
	{"lock_downgrade", "TestLockdepKeepsTheListOfHeldLocks", "TestReleasingWhatIsNotHeldIsAWarning"},
	{"lock_is_held", "TestLockdepTellsHowALockIsHeld", "TestLockdepTellsHowALockIsHeld"},
}

// nowhere are functions that no workload can have, and why.
var nowhere = map[string]string{
	"refcount_dec": "nothing in the lock calls it, because it saturates at the last count",
}

// covered says which programs each test ran, by the test's name.
var covered = struct {
	sync.Mutex
	by   map[string]map[string]bool
	seen map[string]bool
}{by: map[string]map[string]bool{}, seen: map[string]bool{}}

// cover notes that a test runs main, and with it whatever that calls.
func cover(t *testing.T, kind vmalock.Kind, text string, main *cpu.Proc, lib cpu.Library) {
	test, _, _ := strings.Cut(t.Name(), "/")
	covered.Lock()
	defer covered.Unlock()
	key := fmt.Sprintf("%s %+v %s", test, kind.Options, text)
	if covered.seen[key] {
		return
	}
	covered.seen[key] = true
	if covered.by[test] == nil {
		covered.by[test] = map[string]bool{}
	}
	callees(main, lib, covered.by[test])
}

// callees adds to set what p calls, directly or not.
func callees(p *cpu.Proc, lib cpu.Library, set map[string]bool) {
	for i := range p.Insts {
		if c := p.Insts[i].Call; c != nil && !set[c.Callee] {
			set[c.Callee] = true
			if q, ok := lib(c.Callee); ok {
				callees(q, lib, set)
			}
		}
	}
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	all := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""
	if code == 0 && all && !testing.Short() {
		for _, f := range functions {
			for _, law := range []string{f.success, f.failure} {
				if !covered.by[law][f.name] {
					fmt.Printf("FAIL: %s does not run %s, of which it should be a law\n", law, f.name)
					code = 1
				}
			}
		}
	}
	os.Exit(code)
}

func TestEveryFunctionIsADocumentedProgramWithLaws(t *testing.T) {
	tests := map[string]bool{}
	files, _ := filepath.Glob("*_test.go")
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				tests[fn.Name.Name] = true
			}
		}
	}
	lib, err := vmalock.VMRefcnt.Library()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range functions {
		p, ok := lib(f.name)
		switch {
		case !ok:
			t.Errorf("%s is no program", f.name)
		case p.Doc == "":
			t.Errorf("%s:%d: %s has no comment, so listings say nothing of it", p.File, p.Line, f.name)
		}
		for _, law := range []string{f.success, f.failure} {
			if !tests[law] {
				t.Errorf("%s: there is no law %s", f.name, law)
			}
		}
	}
}

// Every function is in the linked code of a fault workload, on some kernel.
// Functions that only call others leave no op of their own; they must be called.
func TestEveryFunctionHasAPlaceInAWorkload(t *testing.T) {
	linked, called, silent := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, o := range kernels {
		kind := vmalock.VMRefcnt.With(o)
		procs, err := kind.Programs()
		if err != nil {
			t.Fatal(err)
		}
		lib, layout := cpu.LibraryOf(procs...), layoutOf(t, kind)
		for _, w := range workloads.Kinds() {
			if !strings.HasPrefix(w.Name, "fault_") {
				continue
			}
			params := w.Params()
			for v, i := reflect.ValueOf(params).Elem(), 0; i < v.NumField(); i++ {
				if f := v.Field(i); strings.HasSuffix(v.Type().Field(i).Name, "Percent") {
					f.SetFloat(5)
				} else if f.Kind() == reflect.Struct {
					for k := range f.NumField() {
						if strings.HasSuffix(f.Type().Field(k).Name, "Percent") {
							f.Field(k).SetFloat(5)
						}
					}
				}
			}
			plan, err := w.Build(&workloads.Env{Threads: 2, Layout: layout, Space: mem.NewSpace(layout), Lock: kind, ISA: cpu.X86_64,
				CyclesNS: func(ns float64) int64 { return int64(ns) }}, params)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range plan.Programs {
				prog, err := cpu.Link(p.Proc(), cpu.LinkOptions{ISA: cpu.X86_64, Layout: layout, Params: p.Params, Library: plan.Library})
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range prog.Sites {
					linked[s.Proc] = true
				}
				callees(p.Proc(), lib, called)
			}
		}
		for _, p := range procs {
			if !slices.ContainsFunc(p.Insts, func(in cpu.Inst) bool {
				return in.Call == nil && !slices.Contains([]string{"exit", "beq", "bne", "blt", "bge", "mov"}, in.Name)
			}) {
				silent[p.Name] = true
			}
		}
	}
	for _, f := range functions {
		if has := linked[f.name] || silent[f.name] && called[f.name]; has == (nowhere[f.name] != "") {
			t.Errorf("%s: in the code of a workload: %t", f.name, has)
		}
	}
}
