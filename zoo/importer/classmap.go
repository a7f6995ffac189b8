package importer

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A ClassMap holds the class of each output.
type ClassMap = outputs.ClassMap

// A ClassFile is a file that maps outputs to classes.
type ClassFile struct {
	path    string
	of      ClassMap // nil: outputs are classes
	classes int
	hash    string
}

// ReadClassFile reads a CSV file with the columns output, a number, and class, a number
// or one of names, of which there may be none. Outputs that it does not list are no class.
func ReadClassFile(path string, names []string) (ClassFile, error) {
	return readClassFile(path, newClassNames(names))
}

func readClassFile(path string, names classNames) (ClassFile, error) {
	c := ClassFile{path: path, classes: len(names.names)}
	f, err := regular.Open(path)
	if err != nil {
		return c, err
	}
	defer f.Close()
	lines := map[int64]int{}
	err = scanTable(io.LimitReader(f, maxTable), []string{"output", "class"}, func(cells []string, line int) error {
		output, err := strconv.ParseInt(cells[0], 10, 64)
		if err != nil || output < 0 || output >= zoo.MaxClasses {
			return fmt.Errorf("output %q is no number from 0 to %d", cells[0], zoo.MaxClasses-1)
		}
		if first, ok := lines[output]; ok {
			return fmt.Errorf("output %d is on line %d already", output, first)
		}
		lines[output] = line
		class, ok, err := names.class(cells[1])
		switch {
		case err != nil:
			return err
		case !ok && names.names == nil:
			return fmt.Errorf("class %q is not a number: give the names of the classes with --class-names FILE", cells[1])
		case !ok:
			return fmt.Errorf("%q is not a class: the classes are %s", cells[1], some(names.names))
		case names.names != nil && int(class) >= len(names.names):
			return fmt.Errorf("class %d, but there are %d classes (0 to %d)", class, len(names.names), len(names.names)-1)
		}
		for int64(len(c.of)) <= output {
			c.of = append(c.of, -1)
		}
		c.of[output] = int32(class)
		c.classes = max(c.classes, int(class)+1)
		return nil
	})
	if err == nil && c.of == nil {
		err = errors.New("no output is mapped to a class")
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	c.hash = orderText(c.of)
	return c, nil
}

// Fits reports outputs that are mapped and that a file does not have.
func (c ClassFile) Fits(file string, width int) error {
	if c.of == nil {
		return nil
	}
	if width < len(c.of) && width != 1 {
		return fmt.Errorf("%s has %d outputs, but %s names output %d", file, width, c.path, len(c.of)-1)
	}
	if width == 1 {
		return fmt.Errorf("%s has one value a sample, which cannot be mapped to classes by %s: save the probabilities of both classes", file, c.path)
	}
	return nil
}

// Widen returns the map of a row with so many outputs.
func (c ClassFile) Widen(width int) ClassMap {
	if c.of == nil {
		return nil
	}
	return append(slices.Clone(c.of), slices.Repeat([]int32{-1}, width-len(c.of))...)
}

// Classes is the number of classes: those with names, and one more than the largest number
// in the file.
func (c ClassFile) Classes() int { return c.classes }

// Hash identifies what the file says.
func (c ClassFile) Hash() string { return c.hash }

// count is the number of classes of rows with so many outputs.
func (c ClassFile) count(width int) int {
	switch {
	case c.of != nil:
		return c.classes
	case width == 1:
		return 2
	}
	return width
}
