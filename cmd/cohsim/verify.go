package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"cohsim/internal/check"
	"cohsim/mesi"
)

const verifyUsage = `usage: cohsim verify [flags] [PROTOCOL]...

verify explores every state of a protocol table, the same rows that the simulator
runs: messages arrive in any order and a core may do anything at any time. It checks
that one cache may write or many may read, that every read sees the last store, that
the directory covers every copy, that no event is unspecified, that nothing
deadlocks, that every request can still finish from everywhere, and that every row
can be used. Without PROTOCOL all protocols are verified.

flags:
  --caches N           number of caches (default 3)
  --lines N            1, or 2 lines that compete for caches of one entry (default 1)
  --symmetry           explore one state per class of renamed caches
  --read-dirty W       share: owners answer reads with a shared copy; any: they may hand
                       over ownership too (read_dirty = migrate); both (default) proves
                       the one after the other
  --no-liveness        skip "every request can still finish"
  --set KEY=VALUE      protocol option, as in a machine file: recall=true
  --format F           table (default), markdown, csv or json
  --svg FILE           write a counterexample as a message-sequence chart
  --export murphi FILE write the rows as a Murphi model, and explore nothing
  --mutant NAME        verify a protocol with a known mistake: M1, M2, ... or list
  --mutants            count the mutants of every row that a law kills
  --force              explore even what takes long
`

// The exit codes of this subcommand, out of those that all of cohsim uses.
const (
	verifyOK    = 0
	verifyFails = 1 // a law does not hold
	verifyUse   = 2 // nothing was explored
	verifyIO    = 4 // a file could not be written
)

type verifyFlags struct {
	req          check.Request
	readDirty    string
	sets         []string
	format       string
	svg          string
	export, file string
	mutant       string
	mutants      bool
	protocols    []string
}

// cmdVerify is the subcommand verify. Args stand after that word.
func cmdVerify(args []string, stdout, stderr io.Writer) int {
	f, err := parseVerify(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, verifyUsage)
		return verifyOK
	case err != nil:
		return verifyError(stderr, err)
	case f.mutant == "list":
		return listMutants(stdout, stderr)
	case f.mutant != "":
		return verifyMutant(f, stdout, stderr)
	case f.mutants:
		return verifyMutants(f, stdout, stderr)
	case f.export != "":
		return exportMurphi(f, stderr)
	}
	var reports []*check.Report
	code := verifyOK
	for _, name := range f.protocols {
		options, err := protocolOptions(name, f.sets)
		if err != nil {
			return verifyError(stderr, err)
		}
		for _, migrate := range []bool{false, true} {
			if f.readDirty == "share" && migrate || f.readDirty == "any" && !migrate {
				continue
			}
			req := f.req
			req.Protocol, req.Options, req.Migrate = name, options, migrate
			req.Progress = func(states, transitions int64) {
				fmt.Fprintf(stderr, "%s: %d states, %d transitions so far\n", name, states, transitions)
			}
			r, err := check.Verify(req)
			if err != nil {
				return verifyError(stderr, err)
			}
			if !r.OK() {
				code = verifyFails
			}
			fmt.Fprintf(stderr, "%s, read_dirty %s: search %.3f s, liveness %.3f s, %.1f MB, %d B/state\n", name, readDirty(migrate),
				r.Host.Search.Seconds(), r.Host.Liveness.Seconds(), float64(r.Host.Bytes)/1e6, r.BytesPerState)
			reports = append(reports, r)
		}
	}
	if err := writeReports(f, reports, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "cohsim verify:", err)
		return verifyIO
	}
	return code
}

func readDirty(migrate bool) string {
	if migrate {
		return "any"
	}
	return "share"
}

func verifyError(stderr io.Writer, err error) int {
	fmt.Fprintln(stderr, "cohsim verify: error:", err)
	return verifyUse
}

func parseVerify(args []string) (*verifyFlags, error) {
	f := &verifyFlags{}
	fs := flag.NewFlagSet("verify", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.IntVar(&f.req.Caches, "caches", 3, "")
	fs.IntVar(&f.req.Lines, "lines", 1, "")
	fs.BoolVar(&f.req.Symmetry, "symmetry", false, "")
	fs.StringVar(&f.readDirty, "read-dirty", "both", "")
	fs.BoolVar(&f.req.NoLiveness, "no-liveness", false, "")
	fs.BoolVar(&f.req.Force, "force", false, "")
	fs.StringVar(&f.format, "format", "table", "")
	fs.StringVar(&f.svg, "svg", "", "")
	fs.StringVar(&f.export, "export", "", "")
	fs.StringVar(&f.mutant, "mutant", "", "")
	fs.BoolVar(&f.mutants, "mutants", false, "")
	fs.Func("set", "", func(s string) error { f.sets = append(f.sets, s); return nil })
	// Flags and protocols may be mixed.
	for {
		exported := f.export
		if err := fs.Parse(args); err != nil {
			return nil, flagMistake(fs, err)
		}
		args = fs.Args()
		if f.export != exported && f.file == "" && len(args) > 0 {
			f.file, args = args[0], args[1:]
		}
		if len(args) == 0 {
			break
		}
		if !strings.HasPrefix(args[0], "-") {
			f.protocols, args = append(f.protocols, args[0]), args[1:]
		}
	}
	switch {
	case f.export != "" && f.export != "murphi":
		return nil, fmt.Errorf("--export %s: allowed is murphi", f.export)
	case f.export != "" && f.file == "":
		return nil, errors.New("--export murphi: which file?")
	case f.export != "" && len(f.protocols) != 1:
		return nil, errors.New("--export takes one protocol")
	}
	switch f.readDirty {
	case "share", "any", "both":
	default:
		return nil, fmt.Errorf("--read-dirty %s: allowed are share, any, both", f.readDirty)
	}
	switch f.format {
	case "table", "markdown", "csv", "json":
	default:
		return nil, fmt.Errorf("--format %s: allowed are table, markdown, csv, json", f.format)
	}
	if len(f.protocols) == 0 {
		f.protocols = mesi.Names()
	}
	return f, nil
}

// protocolOptions applies KEY=VALUE settings to the defaults of a protocol. Keys are
// those of a machine file.
func protocolOptions(name string, sets []string) (mesi.Options, error) {
	o := mesi.DefaultOptions(name)
	v := reflect.ValueOf(&o).Elem()
	var keys []string
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("toml"); key != "-" {
			keys = append(keys, key)
			fields[key] = v.Field(i)
		}
	}
	for _, s := range sets {
		key, value, ok := strings.Cut(s, "=")
		field := fields[key]
		switch {
		case !ok:
			return o, fmt.Errorf("--set %s: write KEY=VALUE", s)
		case !field.IsValid():
			return o, fmt.Errorf("--set %s: unknown key %q: allowed are %s", s, key, strings.Join(keys, ", "))
		case field.Kind() == reflect.Bool:
			b, err := strconv.ParseBool(value)
			if err != nil {
				return o, fmt.Errorf("--set %s: allowed are true and false", s)
			}
			field.SetBool(b)
		default:
			n, err := strconv.Atoi(value)
			if err != nil {
				return o, fmt.Errorf("--set %s: %q is no number", s, value)
			}
			field.SetInt(int64(n))
		}
	}
	return o, nil
}

func exportMurphi(f *verifyFlags, stderr io.Writer) int {
	o, err := protocolOptions(f.protocols[0], f.sets)
	if err != nil {
		return verifyError(stderr, err)
	}
	p, err := mesi.New(f.protocols[0], o)
	if err != nil {
		return verifyError(stderr, err)
	}
	var b strings.Builder
	if err := check.WriteMurphi(&b, p, check.ProtocolConfig{Caches: f.req.Caches, Migrate: f.readDirty != "share"}); err != nil {
		return verifyError(stderr, err)
	}
	if err := os.WriteFile(f.file, []byte(b.String()), 0o644); err != nil {
		fmt.Fprintln(stderr, "cohsim verify:", err)
		return verifyIO
	}
	return verifyOK
}

// writeReports prints what was found, and the counterexamples after it.
func writeReports(f *verifyFlags, reports []*check.Report, stdout, stderr io.Writer) error {
	if f.format == "json" {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(map[string]any{"schema": "cohsim.verify/v1", "reports": reports}); err != nil {
			return err
		}
	} else {
		rows := [][]string{{"protocol", "read_dirty", "caches", "states", "transitions", "depth", "cache pairs", "home pairs", "verdict"}}
		for _, r := range reports {
			verdict := "proven"
			switch {
			case r.Law != "":
				verdict = "broken"
			case len(r.Unreached) > 0:
				verdict = "rows unused"
			case !r.Liveness:
				verdict = "safe"
			}
			rows = append(rows, []string{r.Protocol, readDirty(r.Migrate), fmt.Sprint(r.Caches), fmt.Sprint(r.States), fmt.Sprint(r.Transitions),
				fmt.Sprint(r.Depth), fmt.Sprint(r.CachePairs), fmt.Sprint(r.HomePairs), verdict})
		}
		if f.format == "table" { // 80 columns
			for i, r := range rows {
				pairs := r[6] + "+" + r[7]
				if i == 0 {
					pairs = "pairs"
				}
				rows[i] = append(append(slices.Clip(r[:6]), pairs), r[8])
			}
		}
		if _, err := io.WriteString(stdout, verifyTable(f.format, rows)); err != nil {
			return err
		}
		for _, r := range reports {
			if r.Law != "" {
				fmt.Fprintf(stdout, "\n%s breaks %q: %s\n%s", r.Protocol, r.Law, r.Detail, r.Chart)
			}
			for _, u := range r.Unreached {
				fmt.Fprintf(stdout, "%s: the row %s is never used\n", r.Protocol, u)
			}
		}
	}
	if f.svg == "" {
		return nil
	}
	for _, r := range reports {
		if r.SVG != "" {
			return os.WriteFile(f.svg, []byte(r.SVG), 0o644)
		}
	}
	fmt.Fprintln(stderr, "cohsim verify: no counterexample, so no chart was written")
	return nil
}

// verifyTable lays rows out; the first row is the head.
func verifyTable(format string, rows [][]string) string {
	var b strings.Builder
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	for n, r := range rows {
		for i, c := range r {
			switch {
			case format == "csv" && i > 0:
				b.WriteString("," + c)
			case format == "csv":
				b.WriteString(c)
			case format == "markdown":
				fmt.Fprintf(&b, "| %-*s ", width[i], c)
			case i == len(r)-1:
				b.WriteString(c)
			default:
				fmt.Fprintf(&b, "%-*s  ", width[i], c)
			}
		}
		if format == "markdown" {
			b.WriteString("|")
		}
		b.WriteString("\n")
		if n == 0 && format == "markdown" {
			for i := range r {
				b.WriteString("|" + strings.Repeat("-", width[i]+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}
