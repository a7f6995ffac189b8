package importer

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// arrayFormats are the files that arrays are in, by extension, longest first.
var arrayFormats = []string{".safetensors", ".npy.gz", ".npy", ".npz", ".pth", ".pt"}

// cutArray splits the name of a file of arrays.
func cutArray(file string) (stem, ext string) {
	for _, ext := range arrayFormats {
		if stem, ok := strings.CutSuffix(file, ext); ok && stem != "" && stem[0] != '.' {
			return stem, ext
		}
	}
	return "", ""
}

// isContainer reports whether files of an extension hold several arrays, by name.
func isContainer(ext string) bool { return ext != ".npy" && ext != ".npy.gz" }

// openNPY opens folders with a file of arrays for each model, labels.npy, perhaps
// ids.npy, and models.csv; or the file of one model of a folder.
func openNPY(paths []string, _ OpenOptions, s *Source) error {
	var collections []collection
	for _, path := range paths {
		f, only, err := openPlace(path, &s.held)
		if err != nil {
			return err
		}
		here, err := s.folderCollections(f, only)
		if err != nil {
			return err
		}
		collections = append(collections, here...)
	}
	return s.addCollections(collections)
}

// folderCollections returns the arrays of a folder: those of its files, and for each file
// that has labels or ids of its own, those of that file.
func (s *Source) folderCollections(f *folder, only string) ([]collection, error) {
	files := map[string][]string{} // by what they are called; several if they are shards
	for _, file := range f.files {
		stem, ext := cutArray(file)
		if ext == "" {
			continue
		}
		name, number, of := cutShard(stem)
		if other := files[name]; len(other) > 0 && (of == 0 || number == 0) {
			return nil, fmt.Errorf("%s and %s are both called %q: remove one of them", f.name(other[0]), f.name(file), name)
		}
		files[name] = append(files[name], file)
	}
	wanted := func(string) bool { return true }
	if only != "" {
		one, _ := cutArray(only)
		one, _, _ = cutShard(one)
		if !slices.Contains(files[one], only) {
			return nil, fmt.Errorf("%s is no file of arrays (%s)", f.name(only), strings.Join(arrayFormats, ", "))
		}
		wanted = func(name string) bool { return name == one }
	}
	have := sortedKeys(files)
	models := slices.DeleteFunc(slices.Clone(have), func(n string) bool { return !isModelArray(n) })
	listed, err := f.pick(models, wanted, only != "")
	if err != nil {
		return nil, err
	}
	shared := collection{
		where: f.path,
		ext:   ".npy",
		names: have,
		open:  func(name string) (*array, error) { return f.arrays(files[name]) },
	}
	all := []collection{shared}
	for _, m := range listed {
		file := files[m.Name][0]
		m.File = f.name(file)
		m.Content = func(int) (string, error) { return f.content("npy", files[m.Name]...) }
		own := &all[0]
		if _, ext := cutArray(file); isContainer(ext) && len(files[m.Name]) == 1 {
			names, err := f.arrayNames(file)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(names, func(n string) bool { return !isModelArray(n) }) {
				all = append(all, collection{where: m.File, names: names, open: func(name string) (*array, error) {
					if name == m.Name {
						return f.array(file)
					}
					return f.arrayOf(file, name)
				}})
				own = &all[len(all)-1]
			}
		}
		own.list = append(own.list, m)
	}
	return all, nil
}

// pick returns the models of models.csv that have the files called so, or the one of them
// that is wanted.
func (f *folder) pick(have []string, wanted func(string) bool, one bool) ([]Model, error) {
	if one {
		have = slices.DeleteFunc(slices.Clone(have), func(n string) bool { return !wanted(n) })
		m, err := f.listed("models.csv", have[0])
		return []Model{m}, err
	}
	return f.list("models.csv", f.path, ".npy", have)
}

// arrays opens an array that is one file, or cut into several along its first axis.
func (f *folder) arrays(files []string) (*array, error) {
	_, ext := cutArray(files[0])
	if err := checkShards(f, files, ext); err != nil {
		return nil, err
	}
	if len(files) == 1 {
		return f.array(files[0])
	}
	if isContainer(ext) {
		return nil, fmt.Errorf("%s: only .npy and .npy.gz files may be cut into several", f.name(files[0]))
	}
	return f.joined(files)
}

// joined opens the parts of an array as one.
func (f *folder) joined(files []string) (_ *array, err error) {
	var parts []*array
	var streams []io.Reader
	closeAll := func() error {
		var errs []error
		for _, a := range parts {
			errs = append(errs, a.Close())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	rows, size := 0, int64(0)
	for _, file := range files {
		a, err := f.array(file)
		if err != nil {
			return nil, err
		}
		parts = append(parts, a)
		first := parts[0]
		switch {
		case a.ColumnMajor():
			return nil, fmt.Errorf("%s is in Fortran order, which an array in several files cannot be: save numpy.ascontiguousarray(array)", a.name)
		case a.DType() != first.DType() || len(a.Shape()) == 0 || !slices.Equal(a.Shape()[1:], first.Shape()[1:]):
			return nil, fmt.Errorf("%s has shape %v of %s and %s has %v of %s, but they are one array by their names", a.name, a.Shape(), a.DType(), first.name, first.Shape(), first.DType())
		case a.Rows() > maxSamples-rows:
			return nil, fmt.Errorf("%s: more than %d samples cannot be imported", a.name, maxSamples)
		}
		rows += a.Rows()
		size += int64(a.Remaining()) * int64(a.DType().Size)
		streams = append(streams, a.Body())
	}
	shape := append([]int{rows}, parts[0].Shape()[1:]...)
	a, err := rawArray(parts[0].name, io.MultiReader(streams...), shape, parts[0].DType(), size)
	if err != nil {
		return nil, err
	}
	a.close = closeAll
	return a, nil
}

// outputNames are what the outputs of a model are called in a file with other arrays.
var outputNames = []string{"probs", "probabilities", "outputs", "logits", "predictions", "scores", "y_prob", "y_proba", "arr_0"}

// array opens a file with an array, or the outputs in a file with several.
func (f *folder) array(file string) (*array, error) {
	_, ext := cutArray(file)
	switch {
	case ext == ".npy.gz":
		return f.gzipArray(file)
	case !isContainer(ext):
		opened, size, err := f.open(file)
		if err != nil {
			return nil, err
		}
		return newArray(f.name(file), opened, size, opened.Close)
	}
	names, err := f.arrayNames(file)
	if err != nil {
		return nil, err
	}
	outputs := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !isModelArray(n) })
	if len(outputs) > 1 {
		outputs = slices.DeleteFunc(outputs, func(n string) bool { return !slices.Contains(outputNames, n) })
	}
	if len(outputs) != 1 {
		return nil, fmt.Errorf("%s holds the arrays %s: call the model's outputs \"probs\", or import it as models of one file with --format npz", f.name(file), some(names))
	}
	return f.arrayOf(file, outputs[0])
}

// arrayNames are the names of the arrays in a file with several.
func (f *folder) arrayNames(file string) ([]string, error) {
	var h held
	c, err := f.container(file, &h)
	return c.names, errors.Join(err, h.Close())
}

// arrayOf opens one of the arrays in a file.
func (f *folder) arrayOf(file, name string) (*array, error) {
	var h held
	c, err := f.container(file, &h)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	a, err := c.open(name)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	inner := a.close
	a.close = func() error { return errors.Join(inner(), h.Close()) }
	return a, nil
}
