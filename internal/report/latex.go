package report

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// latex prints booktabs tabulars, in a float if a caption or label is given.
func latex(w io.Writer, caption string, tables []Table, opt Options) error {
	var b strings.Builder
	comment := func(s string) {
		for line := range strings.SplitSeq(s, "\n") {
			fmt.Fprintf(&b, "%% %s\n", line)
		}
	}
	if caption != "" {
		comment(caption)
	}
	packages := []string{"booktabs"}
	if opt.SI {
		packages = append(packages, "siunitx")
	}
	if opt.Alone {
		b.WriteString("\\documentclass{article}\n")
	} else {
		b.WriteString("% needs")
	}
	for _, p := range packages {
		fmt.Fprintf(&b, "%s\\usepackage{%s}", map[bool]string{true: "", false: " "}[opt.Alone], p)
		if opt.Alone {
			b.WriteByte('\n')
		}
	}
	if opt.Alone {
		b.WriteString("\\usepackage[margin=2cm]{geometry}\n\\begin{document}\n")
	} else {
		b.WriteByte('\n')
	}
	for i := range tables {
		g := layOut(&tables[i], false)
		b.WriteByte('\n')
		float := opt.Caption != "" || opt.Label != ""
		if float {
			b.WriteString("\\begin{table}\n\\centering\n")
			if opt.Caption != "" {
				text := opt.Caption
				if len(tables) > 1 { // or two would have the same
					text += ": " + g.title
				}
				fmt.Fprintf(&b, "\\caption{%s}\n", escapeLatex(text))
			}
			if opt.Label != "" {
				label := opt.Label
				if i > 0 {
					label = fmt.Sprintf("%s-%d", label, i+1) // labels are unique
				}
				fmt.Fprintf(&b, "\\label{%s}\n", label)
			}
		}
		switch {
		case g.title == "":
		case opt.Alone && !float:
			fmt.Fprintf(&b, "\\noindent %s\n\n\\smallskip\n", escapeLatex(g.title))
		default:
			comment(g.title)
		}
		b.WriteString("\\begin{tabular}{@{}")
		si := siColumns(&g)
		for c, right := range g.right {
			if right && opt.SI && si[c] {
				b.WriteByte('S')
			} else if right {
				b.WriteByte('r')
			} else {
				b.WriteByte('l')
			}
		}
		b.WriteString("@{}}\n\\toprule\n")
		line := func(cells []string) {
			for c, cell := range cells {
				if c > 0 {
					b.WriteString(" & ")
				}
				switch {
				case opt.SI && si[c] && isNumber(cell):
					cell = strings.ReplaceAll(cell, ",", "") // siunitx groups digits by itself
				case opt.SI && si[c] && cell != "":
					cell = "{" + escapeLatex(cell) + "}"
				default:
					if cell = escapeLatex(cell); g.right[c] && strings.HasPrefix(cell, "-") && cell != "-" {
						cell = "$-$" + cell[1:] // a minus, not a hyphen
					}
				}
				b.WriteString(cell)
			}
			b.WriteString(" \\\\\n")
		}
		line(g.names)
		if strings.Join(g.units, "") != "" {
			line(g.units)
		}
		b.WriteString("\\midrule\n")
		for _, r := range g.rows {
			if r == nil {
				b.WriteString("\\addlinespace\n")
			} else {
				line(r)
			}
		}
		b.WriteString("\\bottomrule\n\\end{tabular}\n")
		for _, n := range g.notes {
			if float {
				fmt.Fprintf(&b, "\n\\smallskip\n{\\footnotesize %s}\n", escapeLatex(n))
			} else {
				comment(n)
			}
		}
		if float {
			b.WriteString("\\end{table}\n")
		}
	}
	if opt.Alone {
		b.WriteString("\\end{document}\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var siNumber = regexp.MustCompile(`^-?[0-9][0-9,]*(\.[0-9]+)?$`)

// isNumber reports whether siunitx can align the cell.
func isNumber(cell string) bool { return siNumber.MatchString(cell) }

// siColumns are the columns that hold numbers and nothing else.
func siColumns(g *grid) []bool {
	si := make([]bool, len(g.right))
	for c := range si {
		for _, r := range g.rows {
			if r == nil || r[c] == "" || r[c] == "-" {
				continue
			}
			if si[c] = isNumber(r[c]); !si[c] {
				break
			}
		}
	}
	return si
}

// escapeLatex covers what text mode treats specially, and the few symbols of
// our own that a plain pdflatex lacks.
var escapeLatex = strings.NewReplacer(
	`\`, `\textbackslash{}`, `{`, `\{`, `}`, `\}`, `$`, `\$`, `&`, `\&`, `#`, `\#`,
	`%`, `\%`, `_`, `\_`, `^`, `\textasciicircum{}`, `~`, `\textasciitilde{}`,
	`<`, `\textless{}`, `>`, `\textgreater{}`, `|`, `\textbar{}`, `"`, `''`,
	"×", `$\times$`, "µ", `$\mu$`, "·", `$\cdot$`, "..", `\,--\,`, "\n", " ", "[", "{[}", "]", "{]}",
).Replace
