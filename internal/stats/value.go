package stats

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// Digits is how many significant digits a quotient keeps.
const Digits = 9

// minExp bounds the fraction of a Value: the smallest quotient of two counters
// is 1/2^64, about 5e-20, and keeps its Digits.
const minExp = -40

// Value is one number of a result: an exact decimal, or missing (the zero
// Value). Counters are exact. A quotient is rounded once, half to even, to
// [Digits] significant digits, but never above the units place: 1234567890.5
// keeps its whole part. Values are comparable with == and their text is the
// same on every architecture, because no floating point takes part.
type Value struct {
	coef  uint64 // the number is ±coef × 10^exp
	exp   int8   // minExp..0; if below 0, coef has no trailing zero
	neg   bool   // never with coef 0
	known bool
}

// Missing is the Value of what was not measured.
var Missing = Value{}

// Int is the exact Value of a counter.
func Int(n uint64) Value { return Value{coef: n, known: true} }

// Ratio is scale × num / den, rounded once. It is missing if den is 0.
func Ratio(num, den, scale uint64) Value {
	if den == 0 {
		return Missing
	}
	if hi, lo := bits.Mul64(num, scale); hi == 0 && lo%den == 0 {
		return Int(lo / den) // the common exact case needs no big numbers
	}
	n := new(big.Int).SetUint64(num)
	n.Mul(n, new(big.Int).SetUint64(scale))
	return Rat(new(big.Rat).SetFrac(n, new(big.Int).SetUint64(den)))
}

// Rat rounds r by the rule of Value. A number whose whole part does not fit 64
// bits has no Value and is missing; a fraction too small for Value is 0.
func Rat(r *big.Rat) Value {
	abs := new(big.Rat).Abs(r)
	whole := new(big.Int).Quo(abs.Num(), abs.Denom())
	if whole.BitLen() > 64 {
		return Missing
	}
	decimals := 0
	switch {
	case abs.Sign() == 0:
	case whole.Sign() > 0:
		decimals = max(0, Digits-len(whole.String()))
	default:
		// Below 1: digits start after the leading zeros of the fraction.
		decimals = Digits
		scaled := new(big.Rat).Set(abs)
		ten, one := big.NewRat(10, 1), big.NewRat(1, 1)
		for scaled.Mul(scaled, ten).Cmp(one) < 0 && decimals < -minExp {
			decimals++
		}
	}
	n := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	n.Mul(n, abs.Num())
	coef := quoHalfEven(n, abs.Denom())
	if coef.BitLen() > 64 {
		return Missing
	}
	return canonical(r.Sign() < 0, coef.Uint64(), -decimals)
}

// quoHalfEven is n/d for n >= 0, d > 0, rounded to nearest, ties to even.
func quoHalfEven(n, d *big.Int) *big.Int {
	q, rem := new(big.Int).QuoRem(n, d, new(big.Int))
	switch rem.Lsh(rem, 1).Cmp(d) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		if q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
	}
	return q
}

// canonical makes equal numbers equal Values.
func canonical(neg bool, coef uint64, exp int) Value {
	for exp < 0 && coef%10 == 0 && coef != 0 {
		coef /= 10
		exp++
	}
	if coef == 0 {
		exp, neg = 0, false
	}
	return Value{coef: coef, exp: int8(exp), neg: neg, known: true}
}

// IsMissing reports whether v holds no number.
func (v Value) IsMissing() bool { return !v.known }

// IsInt reports whether v is a whole number.
func (v Value) IsInt() bool { return v.known && v.exp == 0 }

// Sign is -1, 0 or 1; a missing value has sign 0.
func (v Value) Sign() int {
	switch {
	case v.coef == 0:
		return 0
	case v.neg:
		return -1
	}
	return 1
}

// Rat is the exact number, or nil if v is missing.
func (v Value) Rat() *big.Rat {
	if !v.known {
		return nil
	}
	n := new(big.Int).SetUint64(v.coef)
	if v.neg {
		n.Neg(n)
	}
	d := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-v.exp)), nil)
	return new(big.Rat).SetFrac(n, d)
}

// Float64 is v for arithmetic that is not part of a result (plots, fits); ok
// is false if v is missing.
func (v Value) Float64() (f float64, ok bool) {
	if !v.known {
		return 0, false
	}
	f, _ = v.Rat().Float64()
	return f, true
}

// String is v as a plain decimal, without exponent, and "null" if missing: the
// text of v in JSON.
func (v Value) String() string { return string(v.Append(nil)) }

// Append appends the text of v.
func (v Value) Append(b []byte) []byte {
	if !v.known {
		return append(b, "null"...)
	}
	if v.neg {
		b = append(b, '-')
	}
	var digits [20]byte
	s := strconv.AppendUint(digits[:0], v.coef, 10)
	point := int(-v.exp)
	if point == 0 {
		return append(b, s...)
	}
	whole := max(0, len(s)-point)
	if whole == 0 {
		b = append(b, '0')
	}
	b = append(append(b, s[:whole]...), '.')
	for range point - len(s) {
		b = append(b, '0')
	}
	return append(b, s[whole:]...)
}

var errRange = errors.New("number out of range")

// ParseValue reads a JSON number or null without rounding it: text that String
// wrote comes back equal. Numbers that a Value cannot hold exactly are errors.
func ParseValue(s string) (Value, error) {
	if s == "null" {
		return Missing, nil
	}
	fail := func(err error) (Value, error) {
		return Missing, fmt.Errorf("value %.40q: %w", s, err)
	}
	rest, neg := strings.CutPrefix(s, "-")
	mantissa, expText, hasExp := strings.Cut(strings.ToLower(rest), "e")
	whole, frac, hasFrac := strings.Cut(mantissa, ".")
	if !allDigits(whole) || hasFrac && !allDigits(frac) || len(whole) > 1 && whole[0] == '0' {
		return fail(errors.New("not a number"))
	}
	exp := 0
	if hasExp {
		var err error
		if exp, err = strconv.Atoi(expText); err != nil || exp < -100 || exp > 100 {
			return fail(errRange)
		}
	}
	// Zeros at the end of the fraction say nothing; dropping them first lets
	// "1.00…0" of any length through.
	frac = strings.TrimRight(frac, "0")
	exp -= len(frac)
	digits := strings.TrimLeft(whole+frac, "0")
	if digits == "" {
		return Int(0), nil
	}
	coef, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return fail(errRange)
	}
	for ; exp > 0; exp-- {
		hi, lo := bits.Mul64(coef, 10)
		if hi != 0 {
			return fail(errRange)
		}
		coef = lo
	}
	for ; exp < 0 && coef%10 == 0; exp++ {
		coef /= 10
	}
	if exp < minExp {
		return fail(errRange)
	}
	return canonical(neg, coef, exp), nil
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
