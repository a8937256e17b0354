package structs

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
)

// OpenBTF opens a file of raw BTF, or an ELF file with a .BTF section.
func OpenBTF(file string) (Source, error) { return openSource(file, BTF) }

// OpenDWARF opens an ELF file with debug information.
func OpenDWARF(file string) (Source, error) { return openSource(file, DWARF) }

// openSource says in words what the file is if it is not what was expected. The
// error is an *fs.PathError only if the file cannot be read at all.
func openSource(file string, read func(io.ReaderAt) (Source, error)) (Source, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	// The parsers read at offsets, which files below /sys serve only as a whole,
	// and everything they need is read once: so one copy, and no open file.
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	src, err := read(bytes.NewReader(data))
	switch {
	case err == nil:
		return src, nil
	case errors.Is(err, ErrNoTypes):
		return nil, fmt.Errorf("%s: error: %w", file, err)
	}
	if what := sniff(data); what != "" {
		return nil, fmt.Errorf("%s: error: this is %s", file, what)
	}
	return nil, fmt.Errorf("%s: error: the file is damaged or cut short: %w", file, err)
}

// sniff names what is neither ELF nor BTF.
func sniff(data []byte) string {
	head := data[:min(len(data), 512)]
	switch {
	case len(data) == 0:
		return "an empty file"
	case bytes.HasPrefix(data, []byte(elf.ELFMAG)):
		return ""
	case bytes.HasPrefix(data, []byte{0x9f, 0xeb}) || bytes.HasPrefix(data, []byte{0xeb, 0x9f}):
		return "" // the magic number of BTF, in either byte order
	case bytes.HasPrefix(data, []byte("!<arch>\n")):
		return "an archive; extract the object file that has the struct"
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		return "compressed (gzip); unpack it first"
	case !bytes.ContainsFunc(head, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' }):
		return "a text file, neither ELF nor BTF"
	}
	return "neither ELF nor BTF"
}
