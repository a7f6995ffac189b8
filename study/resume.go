package study

import (
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/shell"
	"github.com/encas-zoo/encas-zoo/report"
)

// GoesOn returns the command that continues the search of a front that was stopped, as ResumeCommand
// does; "" if the run folder lacks what that needs, too.
func GoesOn(s report.Source) string {
	if s.Run == nil || len(s.Run.Joined) == 0 && !hasFile(s.Dir, front.StateFile) {
		return ""
	}
	return ResumeCommand(s.Run, s.Dir)
}

// ResumeCommand returns the command that continues a run, whose folder is dir: the one it was made with,
// without its limit on time. It is quoted for a shell; "" if the run was not made by the program's
// command optimize or front merge.
func ResumeCommand(r *front.Run, dir string) string {
	if r == nil || len(r.Command) < 2 {
		return ""
	}
	if strings.HasPrefix(dir, "-") {
		dir = "./" + dir // which must not become a flag
	}
	given := r.Command[1:] // whatever the program was called
	var drop map[string]bool
	var add []string
	switch optimize, merge := slices.Contains(given, "optimize"), slices.Contains(given, "merge"); {
	case optimize && len(r.Joined) == 0:
		drop = map[string]bool{"out": true, "resume": true, "time": true, "force": false} // true: it takes a value
		add = []string{"--resume", dir}
	case merge && len(r.Joined) > 0:
		drop = map[string]bool{"out": true, "time": true, "force": false}
		add = []string{"--force", "--out", dir}
	default:
		return ""
	}
	words := []string{"encas-zoo"}
	for i := 0; i < len(given); i++ {
		name, _, joined := strings.Cut(strings.TrimLeft(given[i], "-"), "=")
		value, dropped := drop[name]
		switch {
		case !strings.HasPrefix(given[i], "-") || !dropped:
			words = append(words, shell.Word(given[i]))
		case value && !joined:
			i++
		}
	}
	for _, word := range add {
		words = append(words, shell.Word(word))
	}
	return strings.Join(words, " ")
}
