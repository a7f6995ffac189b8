package process

import "testing"

func TestRuns(t *testing.T) {
	t.Parallel()
	me := This()
	for _, c := range []struct {
		what   string
		change func(p *ID)
		runs   bool
	}{
		{"this process", func(*ID) {}, true},
		{"no process", func(p *ID) { p.PID = 1 << 30 }, false},
		{"its number, used again", func(p *ID) { p.Started += "1" }, me.Started == ""},
		{"one that began at a time that was not known", func(p *ID) { p.Started = "" }, true},
	} {
		p := me
		if c.change(&p); p.Runs() != c.runs {
			t.Errorf("%s: runs %v", c.what, !c.runs)
		}
	}
}
