package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/s3/s3test"
)

// hostileNames do things to terminals, shells, pages, tables and parsers that are not
// careful.
var hostileNames = []string{
	"\x1b[2J\x1b]0;title\x07", "\u009b31m", "new\nline\r\ttab", "\x7f\x00\b", `quo"te'd`, "<script>alert(1)</script>",
	"a,b;c@0.5*2", "last:margin:x", "\u202erotated\u2066", "זהמודל", "模型", "👍🏽 thumbs", "e\u0301\u0301\u0301", strings.Repeat("long", 75),
	"-rf", "--json", "$(reboot)`id`", "%s%d%!", "a|b*c_d", "=cmd()", " blank ", "\u2028\ufeff", "../../escape",
}

// hostileZoo makes a zoo in dir/z whose models, splits and samples have such names.
func hostileZoo(t *testing.T, dir string) {
	t.Helper()
	const classes, samples = 4, 60
	z, err := zoo.Create(filepath.Join(dir, "z"), classes)
	if err != nil {
		t.Fatal(err)
	}
	w, err := z.Write()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	labels, ids := make([]uint16, samples), make([]string, samples)
	for i := range labels {
		labels[i] = uint16(i % classes)
		ids[i] = hostileNames[i%len(hostileNames)] + strconv.Itoa(i)
	}
	for _, split := range []string{"search", "test"} {
		if err := w.AddSplit(split, labels, ids); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.AddUnlabelled("pool", samples, ids); err != nil {
		t.Fatal(err)
	}
	for m, name := range hostileNames {
		mw, err := w.NewModel(zoo.Model{Name: name, Columns: map[string]string{"gflops": strconv.Itoa(m + 1), "no\x1bte": "\x1b[31m"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, split := range []string{"search", "test", "pool"} {
			for i := range labels {
				class := labels[i]
				if random.IntN(3*len(hostileNames)) > 2*m+len(hostileNames)/2 {
					class = uint16(random.IntN(classes))
				}
				row := make([]uint16, classes)
				row[class], row[(class+1)%classes] = 0x3a00, 0x3400 // 0.75, 0.25
				if err := mw.WriteRow(split, row); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := mw.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whatever models and samples are called, no command sends a terminal anything but
// text; other programs get CSV and JSON that give the names back.
func TestHostileNamesEverywhere(t *testing.T) {
	dir := t.TempDir()
	hostileZoo(t, dir)
	server := s3test.New(t)
	server.Fail = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "hostile") {
			return false
		}
		s3test.Refuse(w, http.StatusBadRequest, "\u009b31m&#x9b;2J")
		return true
	}
	first := hostileNames[0]
	writeSupernet(t, filepath.Join(dir, "super\x1b[2J.pt"), 5)
	program(t, dir, "optimize", "--zoo", "z", "--algorithm", "exact", "--rule", "mean", "--out", "run", "-q")
	program(t, dir, "optimize", "--zoo", "z", "--algorithm", "random", "--evals", "500", "--out", "other\x1b[2J\nrun", "-q")
	found, err := front.ReadFront(filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	pick := slices.IndexFunc(found.Points, func(p front.Point) bool { return strings.Contains(p.String(), `\x1b[2J`) })
	if pick < 0 {
		t.Fatal("no cascade has the first model")
	}
	number := strconv.Itoa(pick)
	covered := map[string]bool{}
	for _, args := range [][]string{
		{"zoo", "list", "--zoo", "z"},
		{"zoo", "info", "--zoo", "z", "--agreement", "agreement.svg"},
		{"zoo", "verify", "--zoo", "z"},
		{"zoo", "calibrate", "--zoo", "z", "--out", "calibrated"},
		{"zoo", "calibrate", "--zoo", "z", "--out", "calibrated\x1b[2J", "--models", "\x1b[2Jnobody"},
		{"optimize", "--zoo", "z", "--algorithm", "exact", "--rule", "mean", "--chart", "always", "--out", "run", "--force"},
		{"optimize", "--zoo", "z", "--dominate", first, "--include", hostileNames[2], "--algorithm", "exact", "--out", "\x1b[31mred", "--force"},
		{"optimize", "--zoo", "z", "--algorithm", "exact", "--shard", "0/1", "--out", "part\x1b[2J", "--force"},
		{"optimize", "--zoo", "z", "--algorithm", "exact", "--shard", "0/1", "--cost", "gflops", "--models", "!=cmd()", "--out", "fewer", "--force"},
		{"front", "merge", "part\x1b[2J", "--out", "joined\x1b[2J", "--force"},
		{"front", "merge", "part\x1b[2J", "fewer"},
		{"front", "merge", "run", "\x1b[2J"},
		{"front", "merge", "\x1b[2J"},
		{"optimize", "--zoo", "z", "--shard", "\x1b[2J/3"},
		{"evaluate", "--zoo", "z", "run"},
		{"evaluate", "--zoo", "z", "--cascade", found.Points[pick].String()},
		{"evaluate", "--zoo", "z", "run", "--split", "pool"},
		{"label", "--zoo", "z", "run", "--split", "pool", "--out", "to-label\x1b[2J.csv"},
		{"optimize", "--zoo", "z", "--algorithm", "exact", "--rule", "mean", "--unlabelled", "pool", "--out", "with", "--force"},
		{"certify", "--zoo", "z", "run", "--split", "test", "--margin", "20"},
		{"certify", "--zoo", "z", "run", "--split", "test", "--against", first},
		{"optimize", "--zoo", "z", "--algorithm", "exact", "--certify", "test", "--out", "run", "--force"},
		{"compare", "run", "other\x1b[2J\nrun"},
		{"report", "--zoo", "z", "run", "other\x1b[2J\nrun"},
		{"report", "--zoo", "z", "run", "--format", "md"},
		{"report", "--zoo", "z", "run", "--format", "csv"},
		{"report", "--zoo", "z", "run", "--json"},
		{"explain", "--zoo", "z", "run", "--pick", number, "--sample", first + "0"},
		{"export", "run", "--pick", number},
		{"export", "run", "--pick", number, "--format", "cli"},
		{"export", "run", "--pick", number, "--format", "md"},
		{"export", "run", "--pick", number, "--format", "bundle", "--out", "bundle\x1b[2J"},
		{"evaluate", "--zoo", "z", "run", "--pick", number, "--split", "search", "--answers", "a\x1b[2J.csv"},
		{"evaluate", "--zoo", "z", "run", "--pick", number, "--answers", "b\x1b[2J.json"},
		{"diff", "a\x1b[2J.csv", "b\x1b[2J.json"},
		{"zoo", "set", "--zoo", "z", "--", first, "pri\x1b[2Jce=\x1b[2J1"},
		// What goes wrong is told as carefully.
		{"zoo", "set", "--zoo", "z", "\x1b[2Jnobody", "price=1"},
		{"zoo", "set", "--zoo", "z", "--from", "nowhere\x1b[2J"},
		{"optimize", "--zoo", "z", "--algorithm", "exact", "--out", "other\x1b[2J\nrun"},
		{"optimize", "--zoo", "z", "--dominate", "\x1b[2Jnobody"},
		{"optimize", "--zoo", "z", "--models", "\x1b[2J["},
		{"optimize", "--zoo", "z", "--\x1b[2J"},
		{"evaluate", "--zoo", "z", "--cascade", "\x1b[2Jnobody"},
		{"certify", "--zoo", "z", "run", "--split", "\x1b[2J"},
		{"certify", "--zoo", "z", "run", "--split", "test", "--against", "\x1b[2Jnobody"},
		{"explain", "--zoo", "z", "run", "--pick", number, "--sample", "\x1b[2Jnothing"},
		{"zoo", "remove", "--zoo", "z", "\x1b[2Jnobody"},
		{"zoo", "info", "--zoo", "z\x1b[2J\n"},
		{"zoo", "merge", "z", "--out", "merged\x1b[2J"},
		{"zoo", "merge", "z", "nowhere\x1b[2J", "--out", "\x1b[2J"},
		{"zoo", "push", "z", "s3://bucket/z"},
		{"zoo", "push", "z\x1b[2J", "s3://bucket/z"},
		{"zoo", "push", "z", "s3://\x1b[2J/\x1b[2J"},
		{"zoo", "push", "z", "s3://bucket/z", "--endpoint", "http://\x1b[2J"},
		{"zoo", "pull", "s3://bucket/z", "--out", "pulled\x1b[2J"},
		{"zoo", "pull", "s3://bucket/z", "--out", "pulled", "--models", "\x1b[2Jnobody"},
		{"zoo", "pull", "s3://bucket/\x1b[2J", "--out", "pulled"},
		{"zoo", "pull", "s3://other/hostile", "--out", "pulled"},
		{"import", "--zoo", "i", "--format", "npy", "--split", "\x1b[2J", "nowhere\x1b[2J"},
		{"label", "--zoo", "z", "run", "--split", "\x1b[2J"},
		{"optimize", "--zoo", "z", "--unlabelled", "\x1b[2J"},
		{"ingest", "list\x1b[2J", "--data", "nowhere\x1b[2J", "--zoo", "i"},
		{"run", "bundle\x1b[2J", "--data", "nowhere\x1b[2J"},
		{"run", "\x1b[2J", "--data", "nowhere\x1b[2J"},
		{"run", "bundle\x1b[2J", "--data", "x", "--out", "\x1b[2J"},
		{"serve", "bundle\x1b[2J"},
		{"serve", "\x1b[2J", "--name", "\x1b[2J"},
		{"diff", "a\x1b[2J.csv", "\x1b[2J.csv"},
		{"shim", "build", "--python", "\x1b[2J"},
		{"supernet", "info", "super\x1b[2J.pt"},
		{"supernet", "info", "\x1b[2J"},
		{"supernet", "sample", "super\x1b[2J.pt", "--n", "3"},
		{"supernet", "sample", "super\x1b[2J.pt", "--spread", "\x1b[2J"},
		{"nat", "super\x1b[2J.pt", "--data", "nowhere\x1b[2J", "--calibrate", "\x1b[2J", "--out", "\x1b[2J"},
		{"supernet", "export", "\x1b[2J", "--random", "--out", "x.pt"},
		{"supernet", "export", "attentive", "--random", "--out", "x.pt", "--python", "\x1b[2J"},
		{"supernet", "train", "super\x1b[2J.pt", "--data", "nowhere\x1b[2J", "--out", "x.pt"},
		{"supernet", "train", "super\x1b[2J.pt", "--data", "train=x", "--out", "\x1b[2J/x.pt"},
		{"supernet", "extract", "super\x1b[2J.pt", "--genome", "\x1b[2J", "--calibrate", "\x1b[2J", "--out", "\x1b[2J"},
		{"supernet", "extract", "\x1b[2J", "--genome", "0.0", "--calibrate", "\x1b[2J", "--out", "x.pt"},
		{"completion", "\x1b[2J"},
		{"\x1b[2J"},
	} {
		name, _ := commandOf(append(slices.Clone(args), ""))
		covered[name] = true
		t.Run(strconv.Quote(strings.Join(args, " ")), func(t *testing.T) {
			// On a terminal, errors too.
			screen(t, onTerminal(t, dir, nil, "", "sh", append([]string{"-c", `encas-zoo "$@"; true`, "sh"}, args...)...))
			// Elsewhere what is for people is the same, without colours.
			cmd := exec.Command("encas-zoo", args...)
			cmd.Dir = dir
			out, _ := cmd.CombinedOutput()
			if i := strings.IndexFunc(string(out), func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }); i >= 0 && !slices.Contains(args, "csv") {
				t.Errorf("the output has %q", out[max(0, i-10):min(len(out), i+20)])
			}
		})
	}
	for _, name := range append(commandNames(newApp(os.Stdout, os.Stderr)), "completion") {
		if !covered[name] {
			t.Errorf("the command %q is not tested", name)
		}
	}
}

// CSV and JSON give hostile names back, tables keep their columns.
func TestHostileNamesComeBack(t *testing.T) {
	dir := t.TempDir()
	hostileZoo(t, dir)
	program(t, dir, "optimize", "--zoo", "z", "--algorithm", "exact", "--rule", "mean", "--out", "run", "-q")
	sorted := slices.Sorted(slices.Values(hostileNames))

	var list struct{ Models []struct{ Name string } }
	if err := json.Unmarshal([]byte(program(t, dir, "zoo", "list", "--zoo", "z", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	var info struct {
		Judged struct{ Models []struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(program(t, dir, "zoo", "info", "--zoo", "z", "--json")), &info); err != nil {
		t.Fatal(err)
	}
	var names, judged []string
	for _, m := range list.Models {
		names = append(names, m.Name)
	}
	for _, m := range info.Judged.Models {
		judged = append(judged, m.Name)
	}
	slices.Sort(judged)
	if !slices.Equal(names, sorted) || !slices.Equal(judged, sorted) {
		t.Errorf("JSON gives back\n%q and\n%q, want\n%q", names, judged, sorted)
	}

	found, err := front.ReadFront(filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(program(t, dir, "report", "--zoo", "z", "run", "--format", "csv"))).ReadAll()
	if err != nil || len(rows) != len(found.Points)+1 {
		t.Fatalf("%d rows of CSV for %d cascades: %v", len(rows), len(found.Points), err)
	}
	for i, c := range found.Points {
		if rows[i+1][2] != c.String() {
			t.Errorf("CSV has the cascade %q, want %q", rows[i+1][2], c.String())
		}
		if line := program(t, dir, "export", "run", "--pick", fmt.Sprint(i), "--format", "cli"); line != c.String()+"\n" {
			t.Errorf("export has the cascade %q, want %q", line, c.String())
		}
	}
	if page, err := os.ReadFile(filepath.Join(dir, "run", front.CSVFile)); err != nil || strings.ContainsAny(string(page), "\x1b\x07\u009b") {
		t.Errorf("front.csv has raw control characters (%v)", err)
	}

	lines := strings.Split(strings.TrimSuffix(program(t, dir, "zoo", "list", "--zoo", "z"), "\n"), "\n")
	for _, line := range lines {
		if ui.Width(line) != ui.Width(lines[0]) {
			t.Errorf("a row %d columns wide, the heading %d: %q", ui.Width(line), ui.Width(lines[0]), line)
		}
	}
	if len(lines) != len(hostileNames)+1 {
		t.Errorf("%d lines for %d models", len(lines), len(hostileNames))
	}
}
