// Package config reads experiments: strict TOML, with the place of every mistake.
//
// # One idea
//
// A config is a tree of [Node]s, and each node remembers the file, line and column
// that it comes from. Presets, the experiment's own keys, --set and the values of a
// sweep are trees laid over one another; only the result is decoded into structs. So
// one decoder serves all four, and whatever is wrong, with whichever combination of
// them, is shown where the user wrote it.
//
// # Contract
//
//   - [Load] returns an [Experiment] whose every point has been checked, or
//     [Diagnostics] with every mistake of one pass: syntax (a broken line is reported
//     and skipped), unknown keys, wrong types, units and ranges, names of presets,
//     layouts, placements, axes and metrics, and what [Checker]s find.
//   - A key is a struct field with a tag toml:"name". Further tags: doc (one line),
//     min and max (numbers, also of the elements of an array), oneof (a list with
//     spaces), required (any text), dump:"-" (left out of the dump and the hash). The
//     keys of an embedded struct without a tag belong to the struct around it. The
//     unit of a number is the last word of its key: _ns, _cycles, _bytes.
//   - What no tag can say, a struct says with Problems() []string, see [Checker]; it
//     needs no import of this package. Where a key is wrong, what is said of the keys
//     beside it is dropped: they were judged with its default.
//   - A slice of strings may be written as one string; an integer is good for a
//     number with a fraction, but not the other way round.
//   - Lowest to highest: Go defaults, machine files from the base up, the experiment,
//     axes of [sweep], variants. --set lies over the file, and gives an axis on its key
//     that one value; on a key that a variant sets it is an error, for it would have no
//     effect.
//   - Paths are relative to the file that names them; on the command line, to the
//     current directory. What has a slash in it or ends in .toml is a path, anything
//     else the name of something shipped.
//   - The axes are those of [sweep] in the order of the text, then those of [[variant]]
//     in the order of their first variant; the first axis varies slowest.
//   - Dump and hash are the same on every host: no absolute paths, no maps in random
//     order, numbers in their shortest form.
//   - No input makes it panic; a tag that is wrong does, because it is a bug.
//
// # What it does not know
//
// What a workload, a lock or a program is ([Options] brings registries), how layouts
// are read, and how points are run. It never prints.
package config
