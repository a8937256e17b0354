package measure

// Go has no name for these instructions. Each runs n of them, n > 0.
func mfence(n int)
func lfence(n int)
func sfence(n int)
func pause(n int)

var fences = map[string]func(n int){"mfence": mfence, "lfence": lfence, "sfence": sfence, "pause": pause}
