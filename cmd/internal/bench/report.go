package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// measure is one line of the report. Rates are per second. CPU is that of the measured
// process alone; rss is its peak during the measure.
type measure struct {
	Name       string  `json:"name"`
	Rate       float64 `json:"rate"`
	LimitRate  float64 `json:"limit_rate"`
	Ratio      float64 `json:"ratio"`
	P50        float64 `json:"p50_ms"`
	P95        float64 `json:"p95_ms"`
	P99        float64 `json:"p99_ms"`
	CPUPer1000 float64 `json:"cpu_s_per_1000"`
	RSS        float64 `json:"rss_mib"`
	N          int     `json:"n"`
	more       []figure
}

// figure is an extra field of one measure.
type figure struct {
	name  string
	value float64
}

func (m *measure) add(name string, value float64) { m.more = append(m.more, figure{name, value}) }

func (m *measure) percentiles(d []time.Duration) {
	slices.Sort(d)
	at := func(share float64) float64 {
		if len(d) == 0 {
			return 0
		}
		return round(float64(d[min(int(share*float64(len(d))), len(d)-1)]) / float64(time.Millisecond))
	}
	m.P50, m.P95, m.P99 = at(0.50), at(0.95), at(0.99)
}

// finish derives what follows from the rates.
func (m *measure) finish() {
	if m.LimitRate > 0 {
		m.Ratio = m.Rate / m.LimitRate
	}
	m.Rate, m.LimitRate, m.Ratio = round(m.Rate), round(m.LimitRate), round(m.Ratio)
	m.CPUPer1000, m.RSS = round(m.CPUPer1000), round(m.RSS)
}

// round keeps three decimals.
func round(f float64) float64 {
	if f < 0 {
		return float64(int64(f*1000-0.5)) / 1000
	}
	return float64(int64(f*1000+0.5)) / 1000
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}

// report prints measures, as lines of JSON or of a table.
type report struct {
	out    io.Writer
	json   bool
	headed bool
}

func (r *report) print(m *measure) error {
	m.finish()
	if r.json {
		line, err := json.Marshal(m)
		if err != nil {
			return err
		}
		for _, f := range m.more {
			line = fmt.Appendf(line[:len(line)-1], ",%q:%v}", f.name, round(f.value))
		}
		_, err = fmt.Fprintf(r.out, "%s\n", line)
		return err
	}
	if !r.headed {
		r.headed = true
		if _, err := fmt.Fprintf(r.out, "%-16s %9s %9s %6s %9s %9s %9s %9s %8s %6s\n", "measure", "rate/s", "limit/s", "ratio", "p50 ms", "p95 ms", "p99 ms", "cpu/1000", "rss MiB", "n"); err != nil {
			return err
		}
	}
	var more []string
	for _, f := range m.more {
		more = append(more, fmt.Sprintf("%s %v", f.name, round(f.value)))
	}
	_, err := fmt.Fprintf(r.out, "%-16s %9.1f %9.1f %6.2f %9.2f %9.2f %9.2f %9.3f %8.1f %6d  %s\n",
		m.Name, m.Rate, m.LimitRate, m.Ratio, m.P50, m.P95, m.P99, m.CPUPer1000, m.RSS, m.N, strings.Join(more, ", "))
	return err
}
