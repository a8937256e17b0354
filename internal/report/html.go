package report

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// htmlHead makes tables legible without anything from elsewhere.
const htmlHead = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>%s</title>
<style>
body { font: 14px/1.4 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1.5em 0 0.3em; border-top: 2px solid #222; border-bottom: 2px solid #222 }
caption { text-align: left; font-weight: bold; padding-bottom: 0.4em }
th, td { padding: 0.15em 0.8em; text-align: left; font-weight: normal; white-space: nowrap }
thead tr:last-child > * { border-bottom: 1px solid #222 }
.n { text-align: right; font-variant-numeric: tabular-nums }
tr.gap td { border-top: 1px solid #bbb }
p { color: #555; margin: 0.2em 0 }
</style>
`

// htmlPage prints a page that stands alone.
func htmlPage(w io.Writer, caption string, tables []Table) error {
	var b strings.Builder
	title, _, _ := strings.Cut(caption, "\n")
	if title == "" {
		title = "cohsim"
	}
	fmt.Fprintf(&b, htmlHead, html.EscapeString(title))
	paragraphs := func(lines ...string) {
		for _, l := range lines {
			fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(l))
		}
	}
	if caption != "" {
		paragraphs(strings.Split(caption, "\n")...)
	}
	for i := range tables {
		g := layOut(&tables[i], false)
		b.WriteString("<table>\n")
		if g.title != "" {
			fmt.Fprintf(&b, "<caption>%s</caption>\n", html.EscapeString(g.title))
		}
		row := func(open, tag string, cells []string) {
			b.WriteString(open)
			for c, cell := range cells {
				class := ""
				if g.right[c] {
					class = ` class="n"`
				}
				fmt.Fprintf(&b, "<%s%s>%s</%s>", tag, class, html.EscapeString(cell), tag)
			}
			b.WriteString("</tr>\n")
		}
		b.WriteString("<thead>\n")
		row("<tr>", "th", g.names)
		if strings.Join(g.units, "") != "" {
			row("<tr>", "th", g.units)
		}
		b.WriteString("</thead>\n<tbody>\n")
		open := "<tr>"
		for _, r := range g.rows {
			if r == nil {
				open = `<tr class="gap">`
				continue
			}
			row(open, "td", r)
			open = "<tr>"
		}
		b.WriteString("</tbody>\n</table>\n")
		paragraphs(g.notes...)
	}
	b.WriteString("</html>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
