package ingest

import (
	"fmt"
	"os"
	"path/filepath"
)

// nearFile is the end of a message about a file that is not there: the one in its folder
// whose name is most like its own.
func nearFile(path string) string {
	name := filepath.Base(path)
	entries, _ := os.ReadDir(filepath.Dir(path))
	best, least := "", len(name)/3+1 // slips of the keyboard
	for _, e := range entries {
		if e.IsDir() || !isPath(e.Name()) {
			continue
		}
		if d := edits(name, e.Name()); d < least {
			best, least = e.Name(), d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// edits is Levenshtein's distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
