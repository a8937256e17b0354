package check

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"cohsim/mesi"
)

// WriteMurphi writes the protocol's rows as a Murphi model, so that an independent
// checker (rumur) can confirm states, rules fired and every law. The model says what
// the rows say and nothing of the Go code that interprets them: actions are Murphi
// procedures, events are guards. States are encoded as in [Protocol].
func WriteMurphi(w io.Writer, p *mesi.Protocol, cfg ProtocolConfig) error {
	m := &murphi{p: p, cfg: cfg}
	m.header()
	m.cacheRules()
	m.homeRules()
	m.laws()
	if m.err != nil {
		return m.err
	}
	_, err := io.WriteString(w, m.b.String())
	return err
}

type murphi struct {
	p   *mesi.Protocol
	cfg ProtocolConfig
	b   strings.Builder
	err error
}

func (m *murphi) f(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

func enum[T fmt.Stringer](prefix string, none string, all ...T) string {
	var names []string
	if none != "" {
		names = append(names, none)
	}
	for _, t := range all {
		names = append(names, prefix+t.String())
	}
	return "enum { " + strings.Join(names, ", ") + " }"
}

func span[T ~uint8](from, to T) []T {
	var all []T
	for t := from; t <= to; t++ {
		all = append(all, t)
	}
	return all
}

func (m *murphi) header() {
	m.f("-- %s: %s", m.p.Name(), m.p.Doc())
	m.f("-- Options: %+v", m.p.Options())
	m.f("-- Written by cohsim from its protocol rows. One line, %d caches, two values; messages in", m.cfg.Caches)
	m.f("-- flight have one slot per kind and end point, and arrive in any order.")
	m.f("const CACHES: %d;", m.cfg.Caches)
	if o := m.p.Options(); o.SharerPointers > 0 {
		// Groups of caches are told apart by number, which a scalarset forbids.
		m.f("  POINTERS: %d;\n  GROUP: %d;\ntype\n  Cache: 0..CACHES - 1;", o.SharerPointers, o.SharerGroup)
	} else {
		m.f("  POINTERS: CACHES;\ntype\n  Cache: scalarset(CACHES);")
	}
	m.f("  Value: 0..1;")
	m.f("  Count: 0..CACHES;")
	m.f("  Balance: -CACHES..CACHES;")
	m.f("  Line: %s;", enum("c_", "", span(mesi.I, mesi.II_A)...))
	m.f("  Dir: %s;", enum("h_", "", span(mesi.HI, mesi.A_P)...))
	m.f("  Request: %s;", enum("q_", "q_none", span(mesi.GetS, mesi.PutM)...))
	m.f("  Forward: %s;", enum("f_", "f_none", span(mesi.FwdGetS, mesi.RcX)...))
	m.f("  Data: %s;", enum("d_", "d_none", span(mesi.DataS, mesi.AckCnt)...))
	m.f("  Unblock: %s;", enum("u_", "u_none", span(mesi.UnbS, mesi.UnbX)...))
	m.f("  Far: enum { x_none, x_asked, x_taken, x_answered };")
	m.f("  Answer: %s;", enum("w_", "w_none", span(mesi.WbData, mesi.FwdMiss)...))
	m.b.WriteString(murphiState)
	if m.p.Options().SharerPointers > 0 {
		m.b.WriteString(murphiCoarse)
	} else {
		m.b.WriteString(murphiExact)
	}
}

// What it means to list a sharer, with an exact list and with one that becomes coarse.
const (
	murphiExact = `procedure List(c: Cache);
begin shr[c] := true; end;

`
	murphiCoarse = `procedure Round();
begin
  for a: Cache do
    if shr[a] then
      for b: Cache do if a / GROUP = b / GROUP then shr[b] := true; end; end;
    end;
  end;
end;
procedure List(c: Cache);
begin
  shr[c] := true;
  if !coarse & Sharers() > POINTERS then coarse := true; end;
  if coarse then Round(); end;
end;

`
)

const murphiState = `var
  st: array[Cache] of Line;  bytes: array[Cache] of Value;  bal: array[Cache] of Balance;
  hs: Dir;  mem: Value;  own: Cache;  req: Cache;  shr: array[Cache] of boolean;
  coarse: boolean;  recalls: Count;
  q: array[Cache] of Request;  q_bytes: array[Cache] of Value;
  f: array[Cache] of Forward;  f_req: array[Cache] of Cache;  f_acks: array[Cache] of Count;
  d: array[Cache] of Data;  d_bytes: array[Cache] of Value;  d_acks: array[Cache] of Count;
  acks: array[Cache] of Count;  putack: array[Cache] of boolean;
  u: array[Cache] of Unblock;  w: Answer;  w_bytes: Value;  rcacks: Count;
  x: array[Cache] of Far;  done: boolean;
  last: Value;

procedure Ask(c: Cache; k: Request);
begin
  assert "one request" q[c] = q_none;
  q[c] := k;
  if k = q_PutM then q_bytes[c] := bytes[c]; end;
end;
procedure Fwd(c: Cache; k: Forward; r: Cache; n: Count);
begin
  assert "one forward" f[c] = f_none;
  f[c] := k; f_req[c] := r; f_acks[c] := n;
end;
procedure Take(c: Cache; k: Forward);
begin
  assert "one forward" f[c] = f_none;
  f[c] := k;
end;
procedure Give(c: Cache; k: Data; v: Value; n: Count);
begin
  assert "one data reply" d[c] = d_none;
  assert "data reply carries the last store" v = last;
  d[c] := k; d_bytes[c] := v; d_acks[c] := n;
end;
procedure Grant(c: Cache; n: Count);
begin
  assert "one data reply" d[c] = d_none;
  d[c] := d_AckCnt; d_acks[c] := n;
end;
procedure Done(c: Cache; k: Unblock);
begin assert "one unblock" u[c] = u_none; u[c] := k; end;
procedure Tell(k: Answer);
begin assert "one answer" w = w_none; w := k; end;
procedure TellBytes(v: Value);
begin Tell(w_WbData); w_bytes := v; end;
procedure AckPut(c: Cache);
begin assert "one PutAck" !putack[c]; putack[c] := true; end;
procedure AskFar(c: Cache);
begin assert "one far atomic" x[c] = x_none; x[c] := x_asked; end;
procedure StartFar();
begin assert "one far atomic at a time" !done; done := true; end;
procedure AnswerFar(c: Cache);
begin assert "one answer per far atomic" x[c] = x_taken; x[c] := x_answered; end;
procedure Perform(v: Value);
begin
  assert "far atomic reads the last store" mem = last;
  mem := v; last := v;
end;
procedure EndForward(c: Cache);
begin f[c] := f_none; undefine f_req[c]; f_acks[c] := 0; end;
procedure EndData(c: Cache);
begin d[c] := d_none; undefine d_bytes[c]; d_acks[c] := 0; end;
procedure EndRequest(c: Cache);
begin q[c] := q_none; undefine q_bytes[c]; end;
procedure EndAnswer();
begin w := w_none; undefine w_bytes; end;

function Owns(c: Cache): boolean;
begin
  if isundefined(own) then return false; end;
  return own = c;
end;
function OwnsDirtyShared(c: Cache): boolean;
begin return hs = h_O & Owns(c); end;
function Sharers(): Count;
var n: Count;
begin
  n := 0;
  for o: Cache do if shr[o] then n := n + 1; end; end;
  return n;
end;
function Others(): Count;
var n: Count;
begin
  n := 0;
  for o: Cache do if shr[o] & o != req & !OwnsDirtyShared(o) then n := n + 1; end; end;
  return n;
end;
procedure InvOthers();
begin
  for o: Cache do
    if shr[o] & o != req & !OwnsDirtyShared(o) then Fwd(o, f_Inv, req, 0); end;
  end;
  for o: Cache do shr[o] := false; end;
  coarse := false;
end;
procedure RecallSharers();
begin
  recalls := 0;
  for o: Cache do
    if shr[o] & !OwnsDirtyShared(o) then Take(o, f_RcInv); recalls := recalls + 1; end;
  end;
  for o: Cache do shr[o] := false; end;
  coarse := false;
end;

startstate begin
  for c: Cache do
    st[c] := c_I; undefine bytes[c]; bal[c] := 0; shr[c] := false;
    q[c] := q_none; undefine q_bytes[c];
    f[c] := f_none; undefine f_req[c]; f_acks[c] := 0;
    d[c] := d_none; undefine d_bytes[c]; d_acks[c] := 0;
    acks[c] := 0; putack[c] := false; u[c] := u_none; x[c] := x_none;
  end;
  hs := h_I; mem := 0; coarse := false; undefine own; undefine req; recalls := 0;
  w := w_none; undefine w_bytes; rcacks := 0; last := 0; done := false;
end;

`

// cacheRules writes one rule per row of a cache, and one per message for what has no row.
func (m *murphi) cacheRules() {
	m.f("ruleset c: Cache do")
	specified := map[mesi.CacheEvent][]string{}
	for _, r := range m.p.CacheRows() {
		specified[r.On] = append(specified[r.On], "st[c] = c_"+r.From.String())
		t, isMsg := r.On.Msg()
		if !isMsg {
			m.coreRule(r)
			continue
		}
		if r.On == mesi.OnFwdGetSMigrate && !m.cfg.Migrate {
			continue
		}
		guard, before := cacheGuard(r.On, t)
		m.f("  rule %q st[c] = c_%v & %s ==>", fmt.Sprintf("C %v %v", r.From, r.On), r.From, guard)
		m.f("  var r: Cache; n: Count; v: Value;")
		m.f("  begin %s %s st[c] := c_%v;", before, m.cacheDo(r.Do), r.To)
		m.f("  endrule;")
	}
	for e := range mesi.NumCacheEvents {
		t, isMsg := e.Msg()
		if !isMsg || e == mesi.OnFwdGetSMigrate {
			continue
		}
		guard, _ := cacheGuard(e, t)
		m.f("  rule \"C unspecified %v\" %s%s ==> begin error \"unspecified %v\"; endrule;", e, guard, unless(specified[e]), e)
	}
	m.f("end;\n")
}

func unless(conds []string) string {
	if len(conds) == 0 {
		return ""
	}
	return " & !(" + strings.Join(conds, " | ") + ")"
}

func (m *murphi) coreRule(r mesi.CacheRow) {
	store := r.On == mesi.OnStore && slices.Contains(r.Do, mesi.HitNow)
	switch {
	case store:
		m.f("  ruleset v: Value do rule \"C %v %v\" st[c] = c_%v ==> begin st[c] := c_%v; bytes[c] := v; last := v; endrule; end;",
			r.From, r.On, r.From, r.To)
	case r.To == r.From && len(r.Do) == 1 && (r.Do[0] == mesi.WaitHere || r.Do[0] == mesi.HitNow):
	case r.On == mesi.OnFar:
		m.f("  rule \"C %v %v\" st[c] = c_%v & x[c] = x_none ==> begin %s endrule;", r.From, r.On, r.From, m.cacheDo(r.Do))
	default:
		m.f("  rule \"C %v %v\" st[c] = c_%v ==> begin %s st[c] := c_%v; endrule;", r.From, r.On, r.From, m.cacheDo(r.Do), r.To)
	}
}

// cacheGuard returns the condition of an event and the statements that take its message.
func cacheGuard(e mesi.CacheEvent, t mesi.MsgType) (guard, take string) {
	switch {
	case t.VN() == mesi.Forward:
		guard = fmt.Sprintf("f[c] = f_%v", t)
		take = "n := f_acks[c]; r := f_req[c]; EndForward(c);"
		if t == mesi.RcInv || t == mesi.RcX {
			take = "EndForward(c);"
		}
		if e == mesi.OnFwdGetSMigrate {
			guard += " & (st[c] = c_M | st[c] = c_E)"
		}
	case t == mesi.InvAck:
		guard, take = "acks[c] > 0", "acks[c] := acks[c] - 1;"
	case t == mesi.PutAck:
		guard, take = "putack[c]", "putack[c] := false;"
	case t == mesi.FarVal:
		guard, take = "x[c] = x_answered", "x[c] := x_none;"
	default:
		guard = fmt.Sprintf("d[c] = d_%v", t)
		take = "n := d_acks[c]; v := d_bytes[c]; EndData(c);"
		if t == mesi.AckCnt {
			take = "n := d_acks[c]; EndData(c);"
		}
	}
	switch e {
	case mesi.OnDataMLast, mesi.OnAckCntLast:
		guard += " & bal[c] + d_acks[c] = 0"
	case mesi.OnDataMMore, mesi.OnAckCntMore:
		guard += " & bal[c] + d_acks[c] != 0"
	case mesi.OnInvAckLast:
		guard += " & bal[c] = 1"
	case mesi.OnInvAckMore:
		guard += " & bal[c] != 1"
	}
	return guard, take
}

// cacheDo writes actions; bytes change after they were sent.
func (m *murphi) cacheDo(do []mesi.Action) string {
	var now, late []string
	for _, a := range do {
		sent := ""
		if s := mesi.Sends(a); len(s) == 1 {
			sent = s[0].String()
		}
		switch a {
		case mesi.SendGetS, mesi.SendGetM, mesi.SendUpg, mesi.SendPutS, mesi.SendPutE, mesi.SendPutM:
			now = append(now, "Ask(c, q_"+sent+");")
		case mesi.SendFarOp:
			now = append(now, "AskFar(c);")
		case mesi.SendDataS, mesi.SendDataSo, mesi.SendDataE, mesi.SendDataF, mesi.SendDataD:
			now = append(now, "Give(r, d_"+sent+", bytes[c], 0);")
		case mesi.SendDataM:
			now = append(now, "Give(r, d_DataM, bytes[c], n);")
		case mesi.SendInvAck:
			now = append(now, "acks[r] := acks[r] + 1;")
		case mesi.SendRcAck:
			now = append(now, "rcacks := rcacks + 1;")
		case mesi.SendWbData:
			now = append(now, "TellBytes(bytes[c]);")
		case mesi.SendWbClean, mesi.SendFwdMiss:
			now = append(now, "Tell(w_"+sent+");")
		case mesi.SendUnbS, mesi.SendUnbO, mesi.SendUnbX:
			now = append(now, "Done(c, u_"+sent+");")
		case mesi.AddAcks:
			now = append(now, "bal[c] := bal[c] + n;")
		case mesi.SubAck:
			now = append(now, "bal[c] := bal[c] - 1;")
		case mesi.FillLine:
			late = append([]string{"bytes[c] := v;"}, late...)
		case mesi.DropLine:
			late = append(late, "undefine bytes[c];")
		default:
			if a.Effect() == 0 {
				m.fail("action %v at a cache", a)
			}
		}
	}
	return strings.Join(append(now, late...), " ")
}

func (m *murphi) fail(format string, args ...any) {
	if m.err == nil {
		m.err = fmt.Errorf("murphi export: "+format, args...)
	}
}
