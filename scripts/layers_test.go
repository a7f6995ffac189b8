package scripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var inBackquotes = regexp.MustCompile("`([^`]+)`")

// The rooms may be as they are, and every arrow that the table does not have is refused.
func TestLayersRefusesArrowsThatPointUp(t *testing.T) {
	if out, err := exec.Command("./layers").CombinedOutput(); err != nil {
		t.Fatalf("the rooms as they are: %v\n%s", err, out)
	}
	page, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]map[string]bool{} // by room: what it may import
	var rooms []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		room := inBackquotes.FindStringSubmatch(cells[1])[1]
		rooms = append(rooms, room)
		allowed[room] = map[string]bool{}
		for _, name := range inBackquotes.FindAllStringSubmatch(cells[3], -1) {
			allowed[room][name[1]] = true
		}
	}
	if len(rooms) < 15 {
		t.Fatalf("the table has the rooms %q", rooms)
	}
	for i, from := range rooms {
		for _, to := range rooms[:i] {
			// Of two rooms at most one may import the other.
			if allowed[from][to] && allowed[to][from] {
				t.Errorf("%s and %s may import each other", from, to)
			}
		}
	}
	for _, arrow := range [][2]string{
		{"zoo", "cascade"}, {"zoo/importer", "optimize"}, {"optimize", "zoo"}, {"optimize", "study"}, {"front", "optimize"},
		{"cascade", "front"}, {"internal/kernel", "internal/outputs"}, {"internal/moea", "cascade"}, {"infer/torch", "ingest"},
		{"report", "study"}, {"study", "cmd/encas-zoo"}, {"benchmarks", "cmd/encas-zoo"}, {"zoo", "attic"}, {"attic", "zoo"},
	} {
		if out, ok := layersOf(t, page, arrow); ok || !strings.Contains(out, arrow[0]) {
			t.Errorf("%s -> %s is let through: %s", arrow[0], arrow[1], out)
		}
	}
	for _, arrow := range [][2]string{{"optimize", "cascade"}, {"study", "zoo/example"}, {"zoo/importer", "zoo"}, {"benchmarks", "study"}} {
		if out, ok := layersOf(t, page, arrow); !ok {
			t.Errorf("%s -> %s is refused: %s", arrow[0], arrow[1], out)
		}
	}
}

// layersOf runs the check on a repository with one arrow, in a file for another system.
func layersOf(t *testing.T, page []byte, arrow [2]string) (out string, ok bool) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                   "module example.org/x\n",
		"docs/architecture.md":     string(page),
		arrow[0] + "/y_windows.go": fmt.Sprintf("package y\n\nimport (\n\t_ \"fmt\"\n\n\t_ \"example.org/x/%s\"\n)\n", arrow[1]),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	printed, err := exec.Command("./layers", "-C", dir).CombinedOutput()
	return string(printed), err == nil
}
