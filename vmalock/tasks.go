package vmalock

import "cohsim/cpu"

// TaskSources lists the files of tasks/: what the tasks of a check do with a lock
// (tasks.uop), and what a check puts in the place of the kernel's own programs, by their
// names (atomic.uop).
func TaskSources() []Source {
	var out []Source
	for _, name := range []string{"tasks.uop", "atomic.uop"} {
		text, err := texts.ReadFile("tasks/" + name)
		if err != nil {
			panic("vmalock: " + err.Error())
		}
		out = append(out, Source{"vmalock/tasks/" + name, string(text)})
	}
	return out
}

// Tasks are the programs of TaskSources.
func Tasks() (mains, atomic []*cpu.Proc) {
	var procs [2][]*cpu.Proc
	for i, s := range TaskSources() {
		var err error
		if procs[i], err = cpu.Parse(s.File, []byte(s.Text)); err != nil {
			panic("vmalock: " + err.Error())
		}
	}
	return procs[0], procs[1]
}
