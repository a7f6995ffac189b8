package supernet

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/regular"
)

//go:embed families/*.json
var families embed.FS

// Families are the names of the tables that are built in.
func Families() (names []string) {
	files, err := families.ReadDir("families")
	if err != nil {
		panic(err) // embedded
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".json"))
	}
	return names
}

// Family returns a table that is built in.
func Family(name string) (Table, error) {
	f, err := families.Open("families/" + name + ".json")
	if err != nil {
		return Table{}, fmt.Errorf("there is no family %q; there are %s, and tables of your own, whose names end in .json", name, strings.Join(Families(), ", "))
	}
	defer f.Close()
	t, err := ReadTable(f)
	if err != nil {
		panic(err) // embedded
	}
	return t, nil
}

// Find returns the table that a user means: the name of a family, of which there may be one
// for each width ("" if there is not), or the path of a table, which ends in .json.
func Find(name, width string) (Table, error) {
	if !strings.HasSuffix(name, ".json") {
		return ofWidth(name, width)
	}
	if width != "" {
		return Table{}, fmt.Errorf("%s is a table with widths of its own; leave the width out", name)
	}
	f, err := regular.Open(name)
	if err != nil {
		return Table{}, err
	}
	defer f.Close()
	t, err := ReadTable(f)
	if err != nil {
		return Table{}, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// ofWidth returns the family of a name and a width, which some come in.
func ofWidth(name, width string) (Table, error) {
	families := Families()
	var widths []string
	for _, f := range families {
		if w, ok := strings.CutPrefix(f, name+"-w"); ok {
			widths = append(widths, w)
		}
	}
	switch {
	case width == "" && len(widths) > 0:
		return Table{}, fmt.Errorf("%s comes in several widths: give --width %s", name, strings.Join(widths, " or --width "))
	case width != "" && len(widths) == 0 && slices.Contains(families, name):
		return Table{}, fmt.Errorf("%s has one width: leave --width out", name)
	case width != "" && len(widths) > 0 && !slices.Contains(widths, width):
		return Table{}, fmt.Errorf("%s has no width %s: give --width %s", name, width, strings.Join(widths, " or --width "))
	case width != "":
		name += "-w" + width
	}
	return Family(name)
}
