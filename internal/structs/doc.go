// Package structs reads struct layouts: from layout files, from the BTF of a
// kernel, and from the DWARF of an object file; and it writes layout files.
//
// # One idea
//
// Where a compiler put a field is a fact that can be looked up, so cohsim looks
// it up. Whatever the source, the answer is the same [mem.Layout], written as
// the same canonical TOML, that a person then edits by hand.
//
// # Contract
//
//   - [ReadLayout] and [ParseLayout] find every problem of a file in one pass and
//     give each a position, file:line:col, as a compiler would.
//   - [WriteLayout] is deterministic, and what it writes reads back as the same
//     layout; writing that again gives the same bytes.
//   - [Load] finds a layout by name among the shipped ones or by path, and lays
//     an overlay over its base.
//   - [BTF] and [DWARF] open sources of types, whose Struct flattens nested members ("mmap_lock.count"),
//     inlines anonymous structs and unions, and labels unions so that the result
//     passes [mem.Layout.Validate].
//   - No input makes a parser panic; the fuzz tests hold it to that.
//
// # What it does not know
//
// The alignment the allocator gives to objects: no debug information holds it,
// so an importer takes it from its caller. Types: a pointer and a long are both
// a place of eight bytes.
package structs
