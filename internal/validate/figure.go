package validate

import "cohsim/internal/report"

// Scatter is simulated against measured, rows for calibration hollow.
func (rep *Report) Scatter() report.Scatter {
	s := report.Scatter{Title: "simulated against measured hardware", X: "measured (each point in its own unit)", Y: "simulated", Bands: []float64{0.1, 0.2}}
	for _, f := range append([]Family{Fitted}, families...) {
		ser := report.Series{Name: string(f), Hollow: f == Fitted}
		for i := range rep.Results {
			if r := &rep.Results[i]; r.Calibrate == (f == Fitted) && (r.Calibrate || r.Family() == f) {
				ser.XY = append(ser.XY, [2]float64{r.Value, r.Sim})
			}
		}
		s.Series = append(s.Series, ser)
	}
	return s
}
