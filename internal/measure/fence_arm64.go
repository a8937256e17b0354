package measure

// Go has no name for these instructions. Each runs n of them, n > 0.
func dmbish(n int)
func dmbishld(n int)
func dmbishst(n int)
func isb(n int)
func yield(n int)

var fences = map[string]func(n int){"dmb_ish": dmbish, "dmb_ishld": dmbishld, "dmb_ishst": dmbishst, "isb": isb, "pause": yield}
