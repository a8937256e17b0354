package workloads

// MapsReaders are the parameters of proc_maps_reader.
type MapsReaders struct {
	AnonFaults
	Readers int `toml:"readers" min:"1" max:"100000" doc:"threads that read /proc/PID/maps, the first ones; the others do as in page_fault1, and it is their mms that are read"`
}

const mapsLoop = `
# A thread that reads /proc/PID/maps of an mm over and over.
program proc_maps_reader
	role mm mm_struct
	reg vma:vm_area_struct
	reg addr held pick
	param think_cycles
again:
	call rcu_qs()                 # back in user mode
` + mapsOp + `
	jump again
`

// ProcMapsReader reads the maps of mms that others change.
var ProcMapsReader = define(Kind{
	Name:   "proc_maps_reader",
	Doc:    "threads that go through all VMAs as a reader of /proc/PID/maps does, beside threads that do as in page_fault1; an operation is one pass",
	Locks:  true,
	Params: func() any { return &MapsReaders{defaultAnonFaults(), 1} },
	Build: func(env *Env, params any) (*Plan, error) {
		p := params.(*MapsReaders)
		t, err := newTouchers(env, &p.Touching, &p.PageTouches, p.Merge, false)
		if err != nil {
			return nil, err
		}
		readers := min(p.Readers, env.Threads)
		others := t.maps[readers:]
		if len(others) == 0 {
			others = t.maps // nobody changes what is read
		}
		t.replace(readers, "maps", Program{Text: mapsLoop, Params: map[string]int64{"think_cycles": env.CyclesNS(p.ThinkNS)}})
		for i := range readers {
			t.Threads[i].bind("mm", uint64(others[i%len(others)].mm))
		}
		return t.done()
	},
})
