package importer

import (
	"bufio"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// ReadClassNames reads a text file with the name of one class a line, from class 0
// on. Spaces around a name do not count.
func ReadClassNames(path string) ([]string, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var names []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		names = append(names, name)
		switch {
		case name == "":
			return nil, fmt.Errorf("%s, line %d: there is no name on it", path, len(names))
		case !utf8.ValidString(name):
			return nil, fmt.Errorf("%s, line %d: the name %q is not valid UTF-8: save the file as UTF-8", path, len(names), name)
		case len(names) > zoo.MaxClasses:
			return nil, fmt.Errorf("%s: more than %d class names", path, zoo.MaxClasses)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s, line %d: %w", path, len(names)+1, err)
	}
	if names == nil {
		return nil, fmt.Errorf("%s: there are no names in it", path)
	}
	return names, nil
}
