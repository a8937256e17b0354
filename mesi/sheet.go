package mesi

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Sheet is one table of a protocol as a book would set it: rows are states, columns are
// events, a cell holds the actions and the next state.
type Sheet struct {
	Title string
	Head  []string
	Rows  [][]string
}

// verbs are the actions as a reader wants them: short, and with the receiver.
var verbs = map[Action]string{
	SendGetS: "GetS", SendGetM: "GetM", SendUpg: "Upg", SendPutS: "PutS", SendPutE: "PutE", SendPutM: "PutM(data)", SendFarOp: "FarOp",
	SendDataS: "DataS→req", SendDataSo: "DataSo→req", SendDataE: "DataE→req", SendDataF: "DataF→req",
	SendDataD: "DataD→req", SendDataM: "DataM(n)→req", SendInvAck: "InvAck→req", SendRcAck: "RcAck",
	SendWbData: "WbData", SendWbClean: "WbClean", SendFwdMiss: "FwdMiss",
	SendUnbS: "UnbS", SendUnbO: "UnbO", SendUnbX: "UnbX", AddAcks: "bal+n", SubAck: "bal−1",
	HitNow: "hit", WaitHere: "wait", PerformNow: "perform", FillLine: "fill", DropLine: "drop", UseItOnce: "use once",
	GrantDataS: "DataS", GrantDataSn: "DataSn", GrantDataE: "DataE", GrantDataF: "DataF", GrantDataM: "DataM(n)",
	GrantUpg: "AckCnt(n)", GrantUpgOwner: "AckCnt(n+1)", ForwardGetS: "FwdGetS→owner", ForwardGetM: "FwdGetM(n)→owner",
	InvOthers: "Inv→others", InvOwner: "Inv→owner", AckPut: "PutAck", AddReq: "add req", AddOwner: "add owner",
	DelSender: "remove", DelOwner: "remove owner", OwnReq: "owner=req", ForgetOwner: "no owner",
	RecallSharers: "RcInv→sharers", RecallOwner: "RcX→owner", SubRcAck: "acks−1", StartFar: "to the atomic unit", AnswerFar: "FarVal→req", PerformIt: "perform on memory", WriteHome: "write memory", StallHere: "stall",
}

func cell(do []Action, from, to string) string {
	var words []string
	for _, a := range do {
		if v := verbs[a]; v != "" {
			words = append(words, v)
		}
	}
	s := strings.Join(words, ", ")
	if to != from {
		if s != "" {
			s += " "
		}
		s += "/ " + to
	}
	if s == "" {
		return "·"
	}
	return s
}

// Sheets returns the tables of the protocol: the cache controller by core events,
// forwards and replies, then the home controller by requests and replies.
func (p *Protocol) Sheets() []Sheet {
	cacheSheet := func(title string, from, to CacheEvent) Sheet {
		s := Sheet{Title: title, Head: []string{"state"}}
		var events []CacheEvent
		for e := from; e <= to; e++ {
			for _, r := range p.cacheRows {
				if r.On == e {
					events = append(events, e)
					s.Head = append(s.Head, e.String())
					break
				}
			}
		}
		for st := range NumStates {
			row, any := []string{st.String()}, false
			for _, e := range events {
				if next, do, ok := p.CacheRow(st, e); ok {
					row, any = append(row, cell(do, st.String(), next.String())), true
				} else {
					row = append(row, "")
				}
			}
			if any {
				s.Rows = append(s.Rows, row)
			}
		}
		return s
	}
	homeSheet := func(title string, from, to HomeEvent, stable bool) Sheet {
		s := Sheet{Title: title, Head: []string{"event"}}
		var states []HomeState
		for h := range numHomeStates {
			for _, r := range p.homeRows {
				if r.From == h && r.On >= from && r.On <= to && h.Stable() == stable {
					states = append(states, h)
					s.Head = append(s.Head, h.String())
					break
				}
			}
		}
		for e := from; e <= to; e++ {
			row, any := []string{e.String()}, false
			for _, h := range states {
				if next, do, ok := p.HomeRow(h, e); ok {
					row, any = append(row, cell(do, h.String(), next.String())), true
				} else {
					row = append(row, "")
				}
			}
			if any {
				s.Rows = append(s.Rows, row)
			}
		}
		return s
	}
	return []Sheet{
		cacheSheet("Cache controller: core events", OnLoad, OnFar),
		cacheSheet("Cache controller: forwards", OnFwdGetS, OnRcX),
		cacheSheet("Cache controller: replies", OnDataS, OnFarVal),
		homeSheet("Home controller: reads and writes", AtGetSNone, AtUpgUnsure, true),
		homeSheet("Home controller: evictions, far atomics and recall", AtPutSNone, AtRecall, true),
		homeSheet("Home controller: blocked states (every request stalls)", AtUnbS, AtFarDone, false),
	}
}

// Why lists every row with its reason, by state and event; stalls are left out.
func (p *Protocol) Why() Sheet {
	s := Sheet{Title: "Why", Head: []string{"at", "state", "event", "actions", "reason"}}
	cache, home := slices.Clone(p.cacheRows), slices.Clone(p.homeRows)
	slices.SortFunc(cache, func(a, b CacheRow) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.On, b.On)) })
	slices.SortFunc(home, func(a, b HomeRow) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.On, b.On)) })
	for _, r := range cache {
		s.Rows = append(s.Rows, []string{"cache", r.From.String(), r.On.String(), cell(r.Do, r.From.String(), r.To.String()), r.Why})
	}
	for _, r := range home {
		if len(r.Do) == 1 && r.Do[0] == StallHere {
			continue
		}
		s.Rows = append(s.Rows, []string{"home", r.From.String(), r.On.String(), cell(r.Do, r.From.String(), r.To.String()), r.Why})
	}
	return s
}

// WriteMarkdown writes all tables as Markdown.
func (p *Protocol) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Protocol %s\n\n%s.\n\n", p.name, capital(p.doc))
	b.WriteString("Cells read \"actions / next state\"; an empty cell cannot happen. n is the number of other sharers, ")
	b.WriteString("bal the acks expected minus received, req the requester of the transaction.\n")
	for _, s := range append(p.Sheets(), p.Why()) {
		fmt.Fprintf(&b, "\n## %s\n\n", s.Title)
		line := func(cells []string) {
			b.WriteString("|")
			for _, c := range cells {
				b.WriteString(" " + strings.ReplaceAll(c, "|", `\|`) + " |")
			}
			b.WriteString("\n")
		}
		line(s.Head)
		b.WriteString("|" + strings.Repeat("---|", len(s.Head)) + "\n")
		for _, r := range s.Rows {
			line(r)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var latexEscapes = strings.NewReplacer(`\`, `\textbackslash{}`, "_", `\_`, "&", `\&`, "%", `\%`, "#", `\#`, "$", `\$`,
	"{", `\{`, "}", `\}`, "→", `$\to$`, "−", `$-$`, "·", `$\cdot$`)

// WriteLaTeX writes all tables as LaTeX tabularx environments with booktabs rules. The
// document needs the packages booktabs, tabularx and longtable.
func (p *Protocol) WriteLaTeX(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%% Protocol %s. Needs booktabs, tabularx, longtable.\n", p.name)
	row := func(cells []string, bold bool) {
		for i, c := range cells {
			if i > 0 {
				b.WriteString(" & ")
			}
			c = latexEscapes.Replace(c)
			if (bold || i == 0) && c != "" {
				c = `\textbf{` + c + "}"
			}
			b.WriteString(c)
		}
		b.WriteString(" \\\\\n")
	}
	for _, s := range p.Sheets() {
		fmt.Fprintf(&b, "\n\\begin{table}\n\\caption{%s, %s}\n\\scriptsize\n", latexEscapes.Replace(s.Title), p.name)
		fmt.Fprintf(&b, "\\begin{tabularx}{\\textwidth}{l*{%d}{>{\\raggedright\\arraybackslash}X}}\n\\toprule\n", len(s.Head)-1)
		row(s.Head, true)
		b.WriteString("\\midrule\n")
		for _, r := range s.Rows {
			row(r, false)
		}
		b.WriteString("\\bottomrule\n\\end{tabularx}\n\\end{table}\n")
	}
	y := p.Why()
	b.WriteString("\n\\begin{longtable}{lllp{.28\\textwidth}p{.35\\textwidth}}\n\\toprule\n")
	row(y.Head, true)
	b.WriteString("\\midrule\\endhead\n")
	for _, r := range y.Rows {
		row(r, false)
	}
	b.WriteString("\\bottomrule\n\\end{longtable}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
