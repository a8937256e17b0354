package validate

import (
	"errors"
	"strings"
	"testing"

	"cohsim/configs"
	"cohsim/internal/config"
)

const head = "use,id,machine,placement,workload,params,metric,value,lo,hi,source,note\n"

func TestAMistakeInAPointsFileIsToldWithItsPlace(t *testing.T) {
	row := `validate,a,zen5-epyc,near,contend,"{op = ""xadd"", threads = 2}",mops_total,100,90,110,me,` + "\n"
	for _, c := range []struct{ text, at, says string }{
		{"", "p.csv:1:1", "is empty"},
		{strings.Replace(head, "metric,", "", 1) + row, "p.csv:1:1", `the column "metric" is missing`},
		{strings.Replace(head, "metric", "metrik", 1) + row, "p.csv:1:42", `did you mean "metric"?`},
		{head + row + row, "p.csv:3:10", `the id "a" stands in line 2 already`},
		{head + strings.Replace(row, "mops_total", "mops", 1), "p.csv:2:66", `unknown metric "mops"`},
		{head + strings.Replace(row, ",100,", ",-1,", 1), "p.csv:2:77", "not above 0"},
		{head + strings.Replace(row, ",100,", ",120,", 1), "p.csv:2:77", "outside its range"},
		{head + strings.Replace(row, ",90,", ",,", 1), "p.csv:2:81", "give both, or none"},
		{head + strings.Replace(row, "validate,", "calibrat,", 1), "p.csv:2:1", `did you mean "calibrate"?`},
		{head + strings.Replace(row, "op = ", "op ", 1), "p.csv:2:35", "no TOML inline table"},
		{head + strings.Replace(row, ",me,", ",,", 1), "p.csv:2:88", "source is empty"},
		{head + "a,b\n", "p.csv:2:1", "2 fields for 12 columns"},
		{head + `validate,"a` + "\n", "p.csv:3:1", `"`},
	} {
		_, err := Parse("p.csv", []byte(c.text))
		var ds config.Diagnostics
		if !errors.As(err, &ds) {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := ds[0].Error(); !strings.HasPrefix(got, c.at+": error: ") || !strings.Contains(got, c.says) {
			t.Errorf("want %s … %s\ngot %s", c.at, c.says, got)
		}
	}
}

func TestAParameterThatAWorkloadDoesNotTakeIsAMistakeOfTheRow(t *testing.T) {
	for _, c := range []struct{ row, at, says string }{
		{`validate,a,zen5-epyc,near,contend,{stride = 8},mops_total,1,,,me,`, "p.csv:2:35", "stride_bytes"},
		{`validate,a,zen5-epyc,neer,contend,{threads = 2},mops_total,1,,,me,`, "p.csv:2:22", "near"},
		{`validate,a,zen5-epyc,near,contend,{threads = 9},mops_total,1,,,me,`, "p.csv:2:22", "9 is more than the placement"},
	} {
		points, err := Parse("p.csv", []byte(head+c.row+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = NewPlan(points, []Machine{{Name: "zen5-epyc", Ref: "zen5-epyc"}}, nil)
		if err == nil || !strings.HasPrefix(err.Error(), c.at) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("want %s … %s\ngot %v", c.at, c.says, err)
		}
	}
}

func FuzzAPointsFileIsReadOrRefusedButNeverCrashes(f *testing.F) {
	for _, name := range []string{"points/measured.csv", "points/core-to-core.csv"} {
		text, err := configs.FS.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text[:min(len(text), 900)])
	}
	f.Add([]byte(head + `calibrate,a,b,c,d,"{x = ""y""}",mops_total,1,,,s,` + "\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		points, err := Parse("f.csv", text)
		if err == nil {
			for _, p := range points {
				if p.Value <= 0 || p.Lo > p.Value || p.Hi < p.Value || p.ID == "" {
					t.Errorf("%+v", p)
				}
			}
		} else if _, ok := err.(config.Diagnostics); !ok {
			t.Errorf("%T: %v", err, err)
		}
	})
}
