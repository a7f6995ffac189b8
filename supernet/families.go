package supernet

import (
	"embed"
	"fmt"
	"strings"
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
		return Table{}, fmt.Errorf("there is no family %q; there are %s", name, strings.Join(Families(), ", "))
	}
	defer f.Close()
	t, err := ReadTable(f)
	if err != nil {
		panic(err) // embedded
	}
	return t, nil
}
