package communities

import (
	"fmt"
	"math"
	"strconv"
)

// stack is what one place of a plot shows: its name and its values, each 0 or more.
type stack struct {
	Name   string
	Values []int64
}

// bar is a rectangle of a plot with what it says when it is pointed at. Class chooses its
// fill (docs/design.md): no two series differ by colour alone.
type bar struct {
	X, Y, W, H   string
	Class, Title string
}

// word is a text of a plot. Anchor is "s", "m" or "e": where of it X is.
type word struct {
	X, Y         string
	Anchor, Text string
}

// rule is a hairline.
type rule struct{ X1, Y1, X2, Y2 string }

// key is one line of the legend.
type key struct{ Class, Text string }

// plot is a drawing in SVG without any style of its own: classes colour it, and beside it
// stands a table that says the same. Mirrored runs from right to left.
type plot struct {
	Id, Title string
	Mirrored  bool
	W, H      string
	Bars      []bar
	Words     []word
	Rules     []rule
	Keys      []key
}

// plotWide is the width of every plot, in its own units: on a phone they are about 0.7 px.
const plotWide = 480.0

func f(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

func (p *plot) bar(x, y, w, h float64, class, title string) {
	if p.Mirrored {
		x = plotWide - x - w
	}
	p.Bars = append(p.Bars, bar{f(x), f(y), f(w), f(h), class, title})
}

func (p *plot) word(x, y float64, anchor, text string) {
	if p.Mirrored {
		x = plotWide - x
		anchor = map[string]string{"s": "e", "e": "s", "m": "m"}[anchor]
	}
	p.Words = append(p.Words, word{f(x), f(y), anchor, text})
}

func (p *plot) line(x1, y1, x2, y2 float64) {
	if p.Mirrored {
		x1, x2 = plotWide-x1, plotWide-x2
	}
	p.Rules = append(p.Rules, rule{f(x1), f(y1), f(x2), f(y2)})
}

func (p *plot) legend(classes, names []string) {
	for i, c := range classes {
		p.Keys = append(p.Keys, key{c, names[i]})
	}
}

// across draws one lying bar for each stack, its values one after the other.
func (p *plot) across(stacks []stack, classes, names []string) {
	const step, thick, end = 44.0, 14.0, 44.0
	p.legend(classes, names)
	var most int64 = 1
	for _, s := range stacks {
		most = max(most, sum(s.Values))
	}
	scale := (plotWide - end) / float64(most)
	for i, s := range stacks {
		y := float64(i) * step
		p.word(0, y+15, "s", s.Name)
		x := 0.0
		for j, v := range s.Values {
			if v == 0 {
				continue
			}
			w := float64(v) * scale
			p.bar(x, y+22, w, thick, classes[j], fmt.Sprintf("%s, %s: %d", s.Name, names[j], v))
			x += w
		}
		p.word(x+6, y+34, "s", strconv.FormatInt(sum(s.Values), 10))
	}
	p.W, p.H = f(plotWide), f(max(float64(len(stacks))*step, step))
}

// upright draws standing bars side by side for each stack, over a line at each step of
// the scale.
func (p *plot) upright(stacks []stack, classes, names []string) {
	const left, top, bottom, high = 36.0, 10.0, 26.0, 160.0
	p.legend(classes, names)
	var most int64
	for _, s := range stacks {
		for _, v := range s.Values {
			most = max(most, v)
		}
	}
	step := scaleStep(most)
	full := max((most+step-1)/step*step, step)
	y := func(v int64) float64 { return top + high - high*float64(v)/float64(full) }
	for v := int64(0); v <= full; v += step {
		p.line(left, y(v), plotWide, y(v))
		p.word(left-6, y(v)+5, "e", strconv.FormatInt(v, 10))
	}
	place := (plotWide - left) / float64(max(len(stacks), 1))
	wide := place * 0.7 / float64(max(len(classes), 1))
	for i, s := range stacks {
		x := left + float64(i)*place + place*0.15
		for j, v := range s.Values {
			if v > 0 {
				p.bar(x+float64(j)*wide, y(v), wide, top+high-y(v), classes[j], fmt.Sprintf("%s, %s: %d", s.Name, names[j], v))
			}
		}
		// Every other name, the last one among them: longer ones would touch.
		if (len(stacks)-1-i)%2 == 0 {
			p.word(left+(float64(i)+0.5)*place, top+high+20, "m", s.Name)
		}
	}
	p.W, p.H = f(plotWide), f(top+high+bottom)
}

// scaleStep is 1, 2 or 5 times a power of ten, so that a scale has at most five steps.
func scaleStep(most int64) int64 {
	for power := int64(1); ; power *= 10 {
		for _, n := range []int64{1, 2, 5} {
			if n*power*5 >= most {
				return n * power
			}
		}
	}
}

func sum(values []int64) (n int64) {
	for _, v := range values {
		n += v
	}
	return n
}
