package cpu

import (
	"fmt"
	"strings"
)

// String shows a linked op with bare register numbers, for dumps and tests:
// "rmw.cas.acqrel.locked r3, [r1+128], r5, 4".
func (o *Op) String() string {
	name := [NumCodes]string{
		Nop: "nop", Load: "load", Store: "store", RMW: "rmw", LoadExcl: "ll", StoreExcl: "sc", Fence: "fence",
		Branch: "b", Pause: "pause", Wait: "wait", Mark: "mark", Halt: "halt",
	}[o.Code]
	if o.Code == Wait && o.Flags&Sleep != 0 {
		name = "sleep"
	}
	if o.Fn != FnNone {
		name = strings.TrimPrefix(name+"."+fnWords[o.Fn], ".")
	}
	if o.Order != Plain {
		name += "." + orderWords[o.Order]
	}
	for _, f := range []struct {
		flag Flags
		word string
	}{{Locked, ".locked"}, {Far, ".far"}} {
		if o.Flags&f.flag != 0 {
			name += f.word
		}
	}
	if o.IsMem() && o.Flags&Size8 == 0 {
		name += ".4"
	}
	var args []string
	reg := func(r Reg) {
		if r == NoReg {
			args = append(args, "_")
		} else {
			args = append(args, fmt.Sprintf("r%d", r))
		}
	}
	value := func() {
		if o.B == NoReg {
			args = append(args, numberText(o.Imm))
		} else {
			reg(o.B)
		}
	}
	place := func() {
		s := fmt.Sprintf("[r%d", o.A)
		if o.Off != 0 {
			s += fmt.Sprintf("%+d", o.Off)
		}
		args = append(args, s+"]")
	}
	switch o.Code {
	case Load, LoadExcl:
		reg(o.Dst)
		place()
	case Store:
		place()
		value()
	case RMW, StoreExcl, Wait:
		reg(o.Dst)
		place()
		if o.Fn == Cas {
			reg(o.C)
		}
		value()
	case Prefetch:
		place()
	case ALU:
		reg(o.Dst)
		if o.A != NoReg {
			reg(o.A)
		}
		if o.Fn != Mix {
			value()
		}
	case Branch:
		if o.Fn != Always {
			reg(o.A)
			value()
		}
		args = append(args, fmt.Sprintf("@%d", o.Off))
		if o.Fn != Always && o.Flags&Likely != 0 {
			return name + " " + strings.Join(args, ", ") + " likely"
		}
	}
	return strings.TrimSpace(name + " " + strings.Join(args, ", "))
}
