package importer

import (
	"errors"
	"fmt"
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
	files := map[string]string{} // by what they are called
	for _, file := range f.files {
		stem, ext := cutArray(file)
		if ext == "" {
			continue
		}
		if other, ok := files[stem]; ok {
			return nil, fmt.Errorf("%s and %s are both called %q: remove one of them", f.name(other), f.name(file), stem)
		}
		files[stem] = file
	}
	wanted := func(string) bool { return true }
	if only != "" {
		one, _ := cutArray(only)
		if files[one] != only {
			return nil, fmt.Errorf("%s is no file of arrays (%s)", f.name(only), strings.Join(arrayFormats, ", "))
		}
		wanted = func(stem string) bool { return stem == one }
	}
	have := sortedKeys(files)
	models := slices.DeleteFunc(slices.Clone(have), func(n string) bool { return n == "labels" || n == "ids" })
	listed, err := f.pick(models, wanted, only != "")
	if err != nil {
		return nil, err
	}
	shared := collection{
		where: f.path,
		ext:   ".npy",
		names: have,
		open:  func(name string) (*array, error) { return f.array(files[name]) },
	}
	all := []collection{shared}
	for _, m := range listed {
		file := files[m.Name]
		m.File, m.Content = f.name(file), f.contents("npy", file)
		own := &all[0]
		if _, ext := cutArray(file); isContainer(ext) {
			names, err := f.arrayNames(file)
			if err != nil {
				return nil, err
			}
			if slices.Contains(names, "labels") || slices.Contains(names, "ids") {
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

// outputNames are what the outputs of a model are called in a file with other arrays.
var outputNames = []string{"probs", "probabilities", "outputs", "logits", "predictions", "arr_0"}

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
	outputs := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "labels" || n == "ids" })
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
