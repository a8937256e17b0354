// Package mem says where things lie: addresses, lines, struct layouts, and the
// objects that a workload places.
//
// # One idea
//
// A coherence protocol knows only line numbers; a person knows only names. A
// [Layout] gives every field of every struct its offset, a [Space] gives every
// object its address, and together they turn a name into an address when a
// program is built and an address back into a name whenever one is printed.
// Moving a field to another line is therefore data (an [Overlay]), never code.
//
// # Contract
//
//   - Offsets, sizes and alignments are in bytes. A line has [LineBytes] bytes;
//     a page [PageBytes].
//   - Nested members are flattened with the names C gives them: the field count
//     of the member mmap_lock is "mmap_lock.count". Members of anonymous structs
//     and unions carry no prefix, as in C.
//   - An array of scalars is one [Field] with Count elements; "pivot[3]" names
//     one of them, both in [Struct.Field] and in what [Struct.At] answers.
//     Arrays of structs are flattened element by element ("rss_stat[0].count").
//   - Fields may overlap only if both carry the same Union label; bit-fields are
//     compared bit by bit.
//   - Objects of one [Space] never overlap, addresses are handed out in a fixed
//     order, and nothing depends on the iteration order of a map: the same calls
//     give the same addresses on every host.
//   - Mistakes a user can make in a layout or a workload are errors. Only
//     [Space.NewRaw], which no user names, panics.
//
// # What it does not know
//
// Values: bytes live in the caches and at the home of a line. Files: layouts are
// read and written by package structs. Types: a field is a place, not a type.
package mem
