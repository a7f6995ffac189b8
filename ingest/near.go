package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// nearFile is the end of a message about a model's file that is not there: the one in its
// folder whose name is most like its own, or what it may be instead of a file.
func nearFile(path string) string {
	if text := nearest(path, func(e os.DirEntry) bool { return !e.IsDir() && isPath(e.Name()) }); text != "" {
		return text
	}
	folder, name := filepath.Dir(path), filepath.Base(path)
	if _, err := os.Stat(folder); err == nil || isPath(name) {
		return ""
	}
	library := filepath.Base(folder)
	for _, known := range []string{"timm", "torchvision"} {
		if edits(strings.ToLower(library), known) < 3 {
			return fmt.Sprintf("; did you mean %s/%s?", known, name)
		}
	}
	return fmt.Sprintf("; a model of Hugging Face is written hf:%s/%s (transformers) or hf_hub:%[1]s/%[2]s (timm)", library, name)
}

// NearPath is the end of a message about a file or folder that is not there: what in its
// folder has the name that is most like its own. It is empty if the path is there.
func NearPath(path string) string {
	if _, err := os.Stat(path); err == nil {
		return ""
	}
	return nearest(filepath.Clean(path), func(os.DirEntry) bool { return true })
}

// nearest is the end of a message about a path that is not there: what in its folder is of the
// kind meant and has the name that is most like its own.
func nearest(path string, meant func(os.DirEntry) bool) string {
	name := filepath.Base(path)
	entries, _ := os.ReadDir(filepath.Dir(path))
	best, least := "", len(name)/3+1 // slips of the keyboard
	for _, e := range entries {
		if !meant(e) {
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
