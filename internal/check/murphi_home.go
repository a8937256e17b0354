package check

import (
	"fmt"
	"slices"
	"strings"

	"cohsim/mesi"
)

// requestGuard is the condition by which a stable home classifies a request of c.
func requestGuard(e mesi.HomeEvent) string {
	_, q, _ := strings.Cut(e.String(), ".")
	t, _ := e.Msg()
	put := t == mesi.PutS || t == mesi.PutE || t == mesi.PutM
	const lastOwner = "(Sharers() = 0 | (Sharers() = 1 & shr[c] & !coarse))"
	switch q {
	case "own":
		switch {
		case put:
			return "Owns(c) & !" + lastOwner
		case t == mesi.Upg:
			return "Owns(c) & !(coarse & shr[c] & hs != h_O)"
		}
		return "Owns(c)"
	case "own.last":
		return "Owns(c) & " + lastOwner
	case "last":
		return "!Owns(c) & shr[c] & hs = h_S & !coarse & Sharers() = 1"
	case "unsure":
		return "coarse & shr[c] & !(hs = h_O & Owns(c))"
	case "listed":
		switch {
		case put:
			return "!Owns(c) & shr[c] & !(hs = h_S & !coarse & Sharers() = 1)"
		case t == mesi.GetS:
			return "!Owns(c) & shr[c] & (hs != h_S | isundefined(own))"
		case t == mesi.Upg:
			return "!Owns(c) & shr[c] & !coarse"
		}
		return "!Owns(c) & shr[c]"
	case "none":
		if t == mesi.GetS {
			return "!Owns(c) & !shr[c] & (hs != h_S | isundefined(own))"
		}
		return "!Owns(c) & !shr[c]"
	case "listed.fwd":
		return "!Owns(c) & shr[c] & hs = h_S & !isundefined(own)"
	case "none.fwd":
		return "!Owns(c) & !shr[c] & hs = h_S & !isundefined(own)"
	}
	return ""
}

// homeRules writes one rule per row of the home. Rows that stall need none: a message
// that no rule takes stays where it is.
func (m *murphi) homeRules() {
	m.f("ruleset c: Cache do")
	specified := map[string][]string{}
	var others []mesi.HomeRow
	for _, r := range m.p.HomeRows() {
		t, isMsg := r.On.Msg()
		key := fmt.Sprintf("%v %v", t, r.From)
		var guard, take string
		switch {
		case !isMsg || t >= mesi.WbData:
			others = append(others, r)
			continue
		case t <= mesi.FarOp && !r.From.Stable():
			if r.To != r.From || !slices.Equal(r.Do, []mesi.Action{mesi.StallHere}) {
				m.fail("home row %v %v does more than stall", r.From, r.On)
			}
			continue
		case t <= mesi.PutM:
			guard = requestGuard(r.On)
			specified[key] = append(specified[key], "("+guard+")")
			guard = fmt.Sprintf("q[c] = q_%v & %s", t, guard)
			if t == mesi.PutM {
				take = "v := q_bytes[c];"
			}
			take += " EndRequest(c);"
		case t == mesi.FarOp:
			specified[key] = append(specified[key], "true")
			guard, take = "x[c] = x_asked", "x[c] := x_taken;"
		default:
			specified[t.String()] = append(specified[t.String()], "hs = h_"+r.From.String())
			guard = fmt.Sprintf("u[c] = u_%v", t)
			take = "u[c] := u_none; assert \"unblock from the requester\" req = c;"
		}
		m.f("  rule %q hs = h_%v & %s ==>", fmt.Sprintf("D %v %v", r.From, r.On), r.From, guard)
		m.f("  var v: Value;")
		m.f("  begin %s %s hs := h_%v;", take, m.homeDo(r), r.To)
		m.f("  endrule;")
	}
	for t := mesi.GetS; t <= mesi.PutM; t++ {
		for h := mesi.HI; h <= mesi.HO; h++ {
			m.f("  rule \"D unspecified %v %v\" q[c] = q_%v & hs = h_%v%s ==> begin error \"unspecified %v in %v\"; endrule;",
				h, t, t, h, unless(specified[fmt.Sprintf("%v %v", t, h)]), t, h)
		}
	}
	for h := mesi.HI; h <= mesi.HO && m.p.Options().FarAtomics; h++ {
		m.f("  rule \"D unspecified %v FarOp\" x[c] = x_asked & hs = h_%v%s ==> begin error \"unspecified FarOp in %v\"; endrule;",
			h, h, unless(specified[fmt.Sprintf("%v %v", mesi.FarOp, h)]), h)
	}
	for t := mesi.UnbS; t <= mesi.UnbX; t++ {
		m.f("  rule \"D unspecified %v\" u[c] = u_%v%s ==> begin error \"unspecified %v\"; endrule;", t, t, unless(specified[t.String()]), t)
	}
	m.f("end;\n")
	for _, r := range others {
		m.otherRule(r, specified)
	}
	for t := mesi.WbData; t <= mesi.FwdMiss; t++ {
		m.f("rule \"D unspecified %v\" w = w_%v%s ==> begin error \"unspecified %v\"; endrule;", t, t, unless(specified[t.String()]), t)
	}
	if m.p.Options().FarAtomics {
		m.f("rule \"D unspecified FarDone\" done%s ==> begin error \"unspecified FarDone\"; endrule;", unless(specified["FarDone"]))
	}
	m.f("rule \"D unspecified RcAck\" rcacks > 0%s ==> begin error \"unspecified RcAck\"; endrule;\n", unless(specified["RcAck"]))
}

// otherRule writes a rule that no particular cache takes part in.
func (m *murphi) otherRule(r mesi.HomeRow, specified map[string][]string) {
	t, isMsg := r.On.Msg()
	cond := fmt.Sprintf("hs = h_%v", r.From)
	switch r.On {
	case mesi.AtWbData, mesi.AtWbClean, mesi.AtFwdMiss:
		cond += " & recalls = 0"
	case mesi.AtWbDataMore, mesi.AtWbCleanMore, mesi.AtFwdMissMore:
		cond += " & recalls > 0"
	case mesi.AtRcAckLast:
		cond += " & recalls <= 1"
	case mesi.AtRcAckMore:
		cond += " & recalls > 1"
	}
	take := ""
	if isMsg {
		specified[t.String()] = append(specified[t.String()], "("+cond+")")
		switch t {
		case mesi.RcAck:
			cond += " & rcacks > 0"
			take = "rcacks := rcacks - 1;"
		case mesi.WbData:
			cond += " & w = w_WbData"
			take = "v := w_bytes; EndAnswer();"
		case mesi.FarDone:
			cond += " & done"
			take = "done := false;"
		default:
			cond += fmt.Sprintf(" & w = w_%v", t)
			take = "EndAnswer();"
		}
	}
	if slices.Contains(r.Do, mesi.PerformIt) { // one rule per value that the op may write
		m.f("ruleset v: Value do rule %q %s ==> begin %s %s hs := h_%v; endrule; end;",
			fmt.Sprintf("D %v %v", r.From, r.On), cond, take, m.homeDo(r), r.To)
		return
	}
	m.f("rule %q %s ==>", fmt.Sprintf("D %v %v", r.From, r.On), cond)
	m.f("var v: Value;")
	m.f("begin %s %s hs := h_%v;", take, m.homeDo(r), r.To)
	m.f("endrule;")
}

func (m *murphi) homeDo(r mesi.HomeRow) string {
	var s []string
	for _, a := range r.Do {
		t := ""
		switch a {
		case mesi.TakeReq:
			t = "req := c;"
		case mesi.ForgetReq:
			t = "undefine req;"
		case mesi.GrantDataS, mesi.GrantDataSn, mesi.GrantDataE, mesi.GrantDataF:
			t = fmt.Sprintf("Give(req, d_%v, mem, 0);", mesi.Sends(a)[0])
		case mesi.GrantDataM:
			t = "Give(req, d_DataM, mem, Others());"
		case mesi.GrantUpg:
			t = "Grant(req, Others());"
		case mesi.GrantUpgOwner:
			t = "Grant(req, Others() + 1);"
		case mesi.ForwardGetS:
			t = "Fwd(own, f_FwdGetS, req, 0);"
		case mesi.ForwardGetM:
			t = "Fwd(own, f_FwdGetM, req, Others());"
		case mesi.InvOthers:
			t = "InvOthers();"
		case mesi.InvOwner:
			t = "Fwd(own, f_Inv, req, 0);"
		case mesi.AckPut:
			t = "AckPut(c);"
		case mesi.AddReq:
			t = "List(req);"
		case mesi.AddOwner:
			t = "List(own);"
		case mesi.DelSender:
			t = "if !coarse then shr[c] := false; end;"
		case mesi.DelOwner:
			t = "if !coarse then shr[own] := false; end;"
		case mesi.OwnReq:
			t = "own := req;"
		case mesi.ForgetOwner:
			t = "undefine own;"
		case mesi.RecallSharers:
			t = "RecallSharers();"
		case mesi.RecallOwner:
			t = "Take(own, f_RcX);"
		case mesi.SubRcAck:
			t = "recalls := recalls - 1;"
		case mesi.WriteHome:
			t = "mem := v;"
		case mesi.StartFar:
			t = "StartFar();"
		case mesi.AnswerFar:
			t = "AnswerFar(req);"
		case mesi.PerformIt:
			t = "Perform(v);"
		default:
			m.fail("action %v at the home", a)
		}
		s = append(s, t)
	}
	return strings.Join(s, " ")
}

// laws writes the invariants of Protocol.Check and the liveness property.
func (m *murphi) laws() {
	var readable, rest []string
	for s := mesi.I; s <= mesi.II_A; s++ {
		if m.p.Readable(s) {
			readable = append(readable, "st[c] = c_"+s.String())
		}
		if m.p.Stable(s) {
			rest = append(rest, "st[c] = c_"+s.String())
		}
	}
	m.f("function Reads(c: Cache): boolean;\nbegin return %s; end;", strings.Join(readable, " | "))
	m.f("function Rests(c: Cache): boolean;\nbegin return %s; end;", strings.Join(rest, " | "))
	m.b.WriteString(`function OwnsDirty(c: Cache): boolean;
begin return st[c] = c_O | st[c] = c_OM_AD | st[c] = c_OM_A; end;

invariant "SWMR"
  forall a: Cache do forall b: Cache do a != b & (st[a] = c_M | st[a] = c_E) -> !Reads(b) end end;
invariant "data value"
  forall c: Cache do Reads(c) -> bytes[c] = last end;
invariant "clean home is current"
  hs = h_I | hs = h_S -> mem = last;
invariant "directory covers every copy"
  forall c: Cache do
    (hs = h_I -> !Reads(c)) & (hs = h_X & Reads(c) -> own = c) &
    ((hs = h_S | hs = h_O) & Reads(c) & !OwnsDirty(c) -> shr[c])
  end;
invariant "one O, one F"
  forall a: Cache do forall b: Cache do
    a != b -> !(st[a] = c_O & st[b] = c_O) & !(st[a] = c_F & st[b] = c_F)
  end end;
invariant "ack balance"
  forall c: Cache do Rests(c) -> bal[c] = 0 end;
liveness "every request can finish"
  (forall c: Cache do Rests(c) & x[c] = x_none end) & (hs = h_I | hs = h_S | hs = h_X | hs = h_O);
`)
}
