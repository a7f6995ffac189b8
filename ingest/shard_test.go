package ingest

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseShard(t *testing.T) {
	t.Parallel()
	// ID MIN MAX STEP COUNT, "-" for what is not set.
	slurm := func(s string) map[string]string {
		env := map[string]string{}
		for i, v := range strings.Fields(s) {
			if v != "-" {
				env["SLURM_ARRAY_TASK_"+[]string{"ID", "MIN", "MAX", "STEP", "COUNT"}[i]] = v
			}
		}
		return env
	}
	job := map[string]string{"JOB_COMPLETION_INDEX": "3"}
	for _, c := range []struct {
		flag string
		env  map[string]string
		want string // "I/N", or the words of a refusal
	}{
		{"", nil, "0/0"},
		{"2/8", nil, "2/8"},
		{"2/8", slurm("7 5 8 1 4"), "2/8"},
		{"/8", job, "3/8"},
		{"", job, "0/0"},
		{"8/8", nil, "I from 0 to N-1"},
		{"-1/8", nil, "I from 0 to N-1"},
		{"/8", nil, "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set"},
		{"3", nil, "not of the form I/N"},
		{"a/b", nil, "I from 0 to N-1"},
		{"/2", job, "I from 0 to N-1"},

		// A whole array.
		{"", slurm("3 0 9 1 10"), "3/10"},
		{"/10", slurm("3 0 9 1 10"), "3/10"},
		{"", slurm("20 0 30 10 4"), "2/4"},
		{"/4", slurm("20 0 30 10 4"), "2/4"},
		{"", slurm("0 0 0 1 1"), "0/1"},
		// Parts of one, submitted again or one after the other.
		{"/10", slurm("3 3 7 1 2"), "3/10"},
		{"/10", slurm("7 3 7 1 2"), "7/10"},
		{"/10", slurm("6 6 6 1 1"), "6/10"},
		{"/20", slurm("12 10 19 1 10"), "12/20"},
		{"/10", slurm("4 0 8 2 5"), "4/10"},
		{"/10", slurm("3 - - - -"), "3/10"},
		{"/40", slurm("20 10 30 10 3"), "20/40"},
		// What does not say which part it is.
		{"", slurm("3 3 7 1 2"), "--shard /N, N above 7, to do part 3"},
		{"", slurm("7 7 7 1 1"), "--shard 0/1"},
		{"", slurm("7 5 8 1 4"), "N above 8"},
		{"", slurm("3 0 9 1 2"), "N above 9"},
		{"", slurm("3 - - - -"), "N above 3"},
		{"", slurm("3 1 10 1 10"), "parts are from 0"},
		{"/10", slurm("10 1 10 1 10"), "--array=0-9"},
		{"/10", slurm("3 1 10 1 10"), "--array=0-9"},
		{"/4", slurm("10 10 30 20 2"), "has parts 0 to 3"},
		{"/0", slurm("0 0 9 1 10"), "number of parts"},
		{"/x", slurm("0 0 9 1 10"), "number of parts"},
		{"", slurm("x 0 9 1 10"), `SLURM_ARRAY_TASK_ID is "x"`},
	} {
		i, n, err := ParseShard(c.flag, func(key string) string { return c.env[key] })
		if err == nil && fmt.Sprintf("%d/%d", i, n) != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("--shard %q with %v: %d/%d, %v, want %s", c.flag, c.env, i, n, err, c.want)
		}
	}
}

// TestArrayAgain does the parts of a list by whole arrays and again by single tasks: each
// is the same part.
func TestArrayAgain(t *testing.T) {
	t.Parallel()
	entries := make([]Entry, 23)
	for i := range entries {
		entries[i].As = fmt.Sprint(i)
	}
	for id := range 10 {
		var parts []string
		for _, env := range []string{fmt.Sprintf("%d 0 9 1 10", id), fmt.Sprintf("%d %d %d 1 1", id, id, id), fmt.Sprintf("%d %d 9 1 2", id, id)} {
			i, n, err := ParseShard("/10", func(key string) string {
				for k, name := range []string{"ID", "MIN", "MAX", "STEP", "COUNT"} {
					if key == "SLURM_ARRAY_TASK_"+name {
						return strings.Fields(env)[k]
					}
				}
				return ""
			})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range part(entries, i, n) {
				names = append(names, e.As)
			}
			parts = append(parts, strings.Join(names, " "))
		}
		if parts[0] != parts[1] || parts[0] != parts[2] || !strings.HasPrefix(parts[0], fmt.Sprint(id)) {
			t.Errorf("task %d does %q", id, parts)
		}
	}
}
