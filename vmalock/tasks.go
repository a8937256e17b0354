package vmalock

import "cohsim/cpu"

// Tasks are the programs of tasks/: what the tasks of a check do with a lock, and what
// a check puts in the place of the kernel's own programs, by their names.
func Tasks() (mains, atomic []*cpu.Proc) {
	parse := func(name string) []*cpu.Proc {
		file := "tasks/" + name + ".uop"
		text, err := texts.ReadFile(file)
		if err != nil {
			panic("vmalock: " + err.Error())
		}
		procs, err := cpu.Parse("vmalock/"+file, text)
		if err != nil {
			panic("vmalock: " + err.Error())
		}
		return procs
	}
	return parse("tasks"), parse("atomic")
}
