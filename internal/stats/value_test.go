package stats

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestQuotientsKeepNineDigitsAndTheirWholePart(t *testing.T) {
	for _, c := range []struct {
		num, den, scale uint64
		want            string
	}{
		{1, 3, 1, "0.333333333"},
		{2, 3, 1, "0.666666667"},
		{1, 3000, 1, "0.000333333333"},
		{10, 4, 1, "2.5"},
		{6, 3, 1, "2"},
		{0, 7, 1, "0"},
		{12345678901, 2, 1, "6172839450"}, // tie to even below the units place
		{12345678903, 2, 1, "6172839452"}, // tie to even, upwards
		{1999999999, 2, 1, "1000000000"},  // the carry adds a digit
		{1, math.MaxUint64, 1, "0.0000000000000000000542101086"},
		{math.MaxUint64, 1, 1, "18446744073709551615"},
		{1000, 200000000, 1e12, "5000000"},
		{math.MaxUint64, 3, 2, "12297829382473034410"},
		{7, 0, 1, "null"},
		{math.MaxUint64, 1, 2, "null"},
	} {
		if got := Ratio(c.num, c.den, c.scale).String(); got != c.want {
			t.Errorf("Ratio(%d, %d, %d) = %s, want %s", c.num, c.den, c.scale, got, c.want)
		}
	}
}

func TestValueTextReadsBackEqual(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		num, den := rng.Uint64()>>rng.IntN(64), rng.Uint64()>>rng.IntN(64)
		v := Ratio(num, den, 1)
		back, err := ParseValue(v.String())
		if err != nil || back != v {
			t.Fatalf("%d/%d: %s reads back as %s, %v", num, den, v, back, err)
		}
		if !json.Valid([]byte(v.String())) {
			t.Fatalf("%s is not JSON", v)
		}
		if !v.IsMissing() && Rat(v.Rat()) != v {
			t.Fatalf("rounding %s again changes it to %s", v, Rat(v.Rat()))
		}
	}
}

func TestQuotientErrsByHalfAUnitOfTheNinthDigit(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	limit := big.NewRat(5, 1e9) // half a unit of the ninth digit, relative
	for range 5000 {
		num, den := 1+rng.Uint64()>>(1+rng.IntN(62)), 1+rng.Uint64()>>(1+rng.IntN(62))
		exact := new(big.Rat).SetFrac(new(big.Int).SetUint64(num), new(big.Int).SetUint64(den))
		diff := new(big.Rat).Sub(Ratio(num, den, 1).Rat(), exact)
		diff.Quo(diff.Abs(diff), exact)
		if diff.Cmp(limit) > 0 {
			t.Fatalf("%d/%d = %s is off by %s", num, den, Ratio(num, den, 1), diff.FloatString(15))
		}
	}
}

func TestNegativeValuesCarryTheirSign(t *testing.T) {
	v := Rat(big.NewRat(-7, 4))
	if v.String() != "-1.75" || v.Sign() != -1 {
		t.Errorf("got %s, sign %d", v, v.Sign())
	}
	if back, err := ParseValue("-1.75"); err != nil || back != v {
		t.Errorf("reads back as %s, %v", back, err)
	}
	if z, err := ParseValue("-0"); err != nil || z != Int(0) {
		t.Errorf("-0 is %s, %v", z, err)
	}
}

func TestNumbersThatCannotBeHeldExactlyAreErrors(t *testing.T) {
	for _, s := range []string{"", "-", "+1", "01", "1.", ".5", "1e", "1e999", "0x1", "1_0", "NaN", "Inf",
		"18446744073709551616", "1.23456789012345678901", "1e-50", "2e19", " 1", "1 "} {
		if v, err := ParseValue(s); err == nil {
			t.Errorf("%q was read as %s", s, v)
		}
	}
	for s, want := range map[string]string{"1e3": "1000", "1.50E-1": "0.15", "1.000000000000000000000000": "1", "0e9": "0"} {
		if v, err := ParseValue(s); err != nil || v.String() != want {
			t.Errorf("%q was read as %s, %v", s, v, err)
		}
	}
}

func FuzzParseValue(f *testing.F) {
	for _, s := range []string{"0", "-1.5", "null", "1e-9", "18446744073709551615", "0.0000000000000000000542101086"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseValue(s)
		if err != nil {
			return
		}
		if back, err := ParseValue(v.String()); err != nil || back != v {
			t.Errorf("%q: %s reads back as %s, %v", s, v, back, err)
		}
	})
}
