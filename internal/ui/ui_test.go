package ui

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestSafe(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want string }{
		{"resnet18.a1_in1k", "resnet18.a1_in1k"},
		{"naïve 模型", "naïve 模型"},
		{"a\nb\tc", `a\nb\tc`},
		{"\x1b[2Jgone", `\x1b[2Jgone`},
		{"left\u202eright", `left\u202eright`},
		{"no\u200bspace", `no\u200bspace`},
		{"bad\xffbyte", `bad\xffbyte`},
		{"\u009b31m", `\u009b31m`},
		{`C:\models`, `C:\models`},
	} {
		if got := Safe(test.in); got != test.want {
			t.Errorf("Safe(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b]0;title\x07\xc3")
	f.Fuzz(func(t *testing.T, s string) {
		safe := Safe(s)
		if !utf8.ValidString(safe) || strings.ContainsFunc(safe, func(r rune) bool { return r != utf8.RuneError && unprintable(r) }) {
			t.Errorf("Safe(%q) = %q", s, safe)
		}
		if Safe(safe) != safe {
			t.Errorf("Safe(%q) escapes again", safe)
		}
		for _, max := range []int{1, 2, 7} {
			if cut := Fit(safe, max); Width(cut) > max {
				t.Errorf("Fit(%q, %d) = %q is %d wide", safe, max, cut, Width(cut))
			}
		}
	})
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   string
		max  int
		want string
	}{
		{"resnet", 6, "resnet"},
		{"resnet", 5, "resn…"},
		{"模型模型", 8, "模型模型"},
		{"模型模型", 7, "模型模…"},
		{"模型模型", 6, "模型…"},
	} {
		if got := Fit(test.in, test.max); got != test.want {
			t.Errorf("Fit(%q, %d) = %q, want %q", test.in, test.max, got, test.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ got, want string }{
		{Count(0), "0"}, {Count(999), "999"}, {Count(20683), "20,683"}, {Count(-1234567), "-1,234,567"},
		{Number(0), "0.000"}, {Number(0.5), "0.5000"}, {Number(0.010902), "0.01090"}, {Number(5.387266), "5.387"},
		{Number(362.1), "362.1"}, {Number(1000), "1000"}, {Number(296000.4), "296,000"},
		{Number(0.00001234), "1.234e-05"}, {Number(-0.25), "-0.2500"}, {Number(1e18), "1.000e+18"},
		{Large(0), "0"}, {Large(34.52), "34.5"}, {Large(921_499), "921,000"}, {Large(999_499), "999,000"}, {Large(999_600), "1.00 M"},
		{Large(2_099_900), "2.10 M"}, {Large(99_960_000), "100 M"}, {Large(105.6e9), "106 G"},
		{Bytes(17), "17 B"}, {Bytes(41_366_000), "41.4 MB"}, {Bytes(999_600), "1 MB"},
		{Duration(80 * time.Microsecond), "80 µs"}, {Duration(350 * time.Millisecond), "350 ms"},
		{Duration(2500 * time.Millisecond), "2.5 s"}, {Duration(59 * time.Second), "59 s"},
		{Duration(312 * time.Second), "5 min 12 s"}, {Duration(26*time.Hour + 3*time.Minute), "26 h 03 min"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

// fake is a console with a terminal of a given width, 0 for none, and a clock that
// stands still until it is told to move.
func fake(width int) (c *Console, out *strings.Builder, clock *time.Time) {
	out = new(strings.Builder)
	clock = new(time.Time)
	*clock = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &Console{out: out, width: func() int { return width }, now: func() time.Time { return *clock }}, out, clock
}

func TestProgressOnTerminal(t *testing.T) {
	t.Parallel()
	c, out, clock := fake(80)
	p := c.Progress("reading", "models")
	p.Update(0, 500, "")
	*clock = clock.Add(time.Second)
	p.Update(100, 500, "resnet\x1b[2J")
	want := eraseLine + `reading: 100 of 500 models, 20 %, 100.0/s, about 4 s left, resnet\x1b[2J`
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out, want)
	}
	out.Reset()
	c.Notef("noticed %s", "x")
	if got, want := out.String(), eraseLine+"noticed x\n"+want[len(eraseLine):]; got != want {
		t.Errorf("a note amid progress: got %q, want %q", got, want)
	}
	out.Reset()
	*clock = clock.Add(time.Millisecond)
	p.Update(101, 500, "")
	if out.Len() != 0 {
		t.Errorf("rewrote the line too soon: %q", out)
	}
	p.Stop()
	if out.String() != eraseLine {
		t.Errorf("Stop left the line: %q", out)
	}
}

func TestProgressIsCutToTheTerminal(t *testing.T) {
	t.Parallel()
	c, out, clock := fake(20)
	p := c.Progress("reading something with a long name", "models")
	*clock = clock.Add(time.Second)
	p.Update(1, 2, "")
	if got := strings.TrimPrefix(out.String(), eraseLine); Width(got) != 19 {
		t.Errorf("a line %d wide on a terminal of 20: %q", Width(got), got)
	}
}

func TestProgressPiped(t *testing.T) {
	t.Parallel()
	c, out, clock := fake(0)
	p := c.Progress("reading", "models")
	p.Update(200, 500, "")
	*clock = clock.Add(9 * time.Second)
	p.Update(218, 500, "")
	if out.Len() != 0 {
		t.Errorf("a line before ten seconds: %q", out)
	}
	*clock = clock.Add(time.Second)
	p.Update(220, 500, "")
	p.Stop()
	if got, want := out.String(), "reading: 220 of 500 models, 44 %, 2.000/s, about 2 min left\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgressOfBytes(t *testing.T) {
	t.Parallel()
	c, out, clock := fake(0)
	p := c.ProgressOfBytes("pushing")
	p.Update(0, 5e9, "")
	*clock = clock.Add(10 * time.Second)
	p.Update(2e9, 5e9, "m1")
	p.Stop()
	if got, want := out.String(), "pushing: 2 GB of 5 GB, 40 %, 200 MB/s, about 15 s left, m1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	c, out, clock := fake(80)
	c.quiet = true
	p := c.Progress("reading", "models")
	*clock = clock.Add(time.Minute)
	p.Update(1, 2, "")
	p.Stop()
	c.Notef("nothing")
	c.Warnf("%s disagrees", "index")
	if got, want := out.String(), "warning: index disagrees\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPrintfEscapesArguments(t *testing.T) {
	t.Parallel()
	c, out, _ := fake(0)
	c.Printf("%s is %d: %v\n", "a\x1b[31m\nb", 3, fmt.Errorf("bad: %w", errors.Join(errors.New("one\x07"), errors.New("two"))))
	if got, want := out.String(), "a\\x1b[31m\\nb is 3: bad: one\\a\ntwo\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	c, out, _ := fake(0)
	c.Text("a\x1b[2J,b\u202e\n")
	c.person = true
	c.Text("a\x1b[2J,b\u202e\n")
	if got, want := out.String(), "a\x1b[2J,b\u202e\na\\x1b[2J,b\\u202e\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStyles(t *testing.T) {
	t.Parallel()
	c, out, _ := fake(80)
	c.Printf("%s", c.Bold("x\x1b"))
	c.colour = true
	c.Printf("%s", c.Bold("x\x1b"))
	if got, want := out.String(), `x\x1b`+"\x1b[1m"+`x\x1b`+"\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := new(Table).Right("accuracy").Shrink("cascade").Right("n")
	table.Row("96.4 %", "wrn_28_10", "7")
	table.Row("9 %", "a\nname that is rather long, as names may be", "1234")

	c, out, _ := fake(0)
	c.Table(table)
	want := "" +
		"accuracy  cascade                                          n\n" +
		"  96.4 %  wrn_28_10                                        7\n" +
		"     9 %  a\\nname that is rather long, as names may be  1234\n"
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out, want)
	}

	c, out, _ = fake(40)
	c.Table(table)
	want = "" +
		"accuracy  cascade                      n\n" +
		"  96.4 %  wrn_28_10                    7\n" +
		"     9 %  a\\nname that is rather …  1234\n"
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out, want)
	}
}

// A table that is too wide for the terminal comes in blocks that begin with the first column.
func TestTableInBlocks(t *testing.T) {
	t.Parallel()
	table := new(Table).Right("#", "accuracy", "interval", "gflops").Left("reach").Shrink("cascade")
	table.Row("7", "96.4 %", "95.00..97.00", "0.1234", "100 % 20 %", "resnet20@0.7,wrn_28_10")
	for width, want := range map[int]string{
		60: "" +
			"#  accuracy      interval  gflops  reach       cascade\n" +
			"7    96.4 %  95.00..97.00  0.1234  100 % 20 %  resnet20@0.7…\n",
		30: "" +
			"#  accuracy      interval\n" +
			"7    96.4 %  95.00..97.00\n" +
			"\n" +
			"#  gflops  reach\n" +
			"7  0.1234  100 % 20 %\n" +
			"\n" +
			"#  cascade\n" +
			"7  resnet20@0.…\n",
	} {
		c, out, _ := fake(width)
		c.Table(table)
		if out.String() != want {
			t.Errorf("%d columns: got\n%swant\n%s", width, out, want)
		}
	}
	for width := range 60 {
		c, out, _ := fake(width)
		c.Table(table)
		for line := range strings.Lines(out.String()) {
			if width > 5 && Width(strings.TrimSuffix(line, "\n")) > width {
				t.Errorf("%d columns: %q", width, line)
			}
		}
	}
}

// An estimate moves slowly, and comes only when something is known.
func TestLeft(t *testing.T) {
	t.Parallel()
	var l Left
	now := time.Unix(0, 0)
	if _, ok := l.Of(50, 1050, now); ok {
		t.Error("an estimate at the beginning")
	}
	now = now.Add(time.Second / 2)
	if _, ok := l.Of(150, 1050, now); ok {
		t.Error("an estimate after half a second")
	}
	before := time.Duration(0)
	for i := range 600 { // a thousand units in 100 s, then one slow unit a second
		now = now.Add(100 * time.Millisecond)
		done := int64(150 + i)
		if i > 300 {
			done = 450 + int64(i-300)/10
		}
		left, ok := l.Of(done, 1050, now)
		if ok && before > 0 && (left-before).Abs() > 2*time.Second+before/20 {
			t.Fatalf("from %v to %v in a tenth of a second", before, left)
		}
		if ok {
			before = left
		}
	}
	if before < 40*time.Second {
		t.Errorf("in the end %v are left", before)
	}
	// The last of a thousand units takes a minute: it is not about to end all the time.
	l = Left{}
	shown := 0
	for i := range 1600 {
		now = now.Add(100 * time.Millisecond)
		if _, ok := l.Of(int64(min(i, 999)), 1000, now); ok && i > 1000 {
			shown++
		}
	}
	if shown > 10 {
		t.Errorf("an estimate for %d tenths of a second after its end", shown)
	}
	for d, want := range map[time.Duration]string{
		0: "1 s", 900 * time.Millisecond: "1 s", 12300 * time.Millisecond: "12 s", 47 * time.Second: "45 s", 118 * time.Second: "2 min",
		50 * time.Minute: "50 min", 83 * time.Minute: "85 min", 5 * time.Hour: "5 h",
	} {
		if got := About(d); got != want {
			t.Errorf("%v: about %s, want %s", d, got, want)
		}
	}
}
