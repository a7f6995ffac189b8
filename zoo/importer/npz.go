package importer

import (
	"archive/zip"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// openNPZ opens .npz archives: arrays named by model, "labels", perhaps "ids". The
// list of models is beside the archive, as <archive>.csv or models.csv.
func openNPZ(paths []string, _ OpenOptions, s *Source) error {
	var collections []collection
	for _, path := range paths {
		dir, file := filepath.Split(filepath.Clean(path))
		f, err := openFolder(filepath.Clean(dir), &s.held)
		if err != nil {
			return err
		}
		if slices.Contains(f.dirs, file) {
			return fmt.Errorf("%s is a folder: name the .npz file in it", path)
		}
		entries, names, err := f.entries(file, &s.held)
		if err != nil {
			return err
		}
		list := strings.TrimSuffix(file, ".npz") + ".csv"
		if !f.has(list) {
			list = "models.csv"
		}
		collections = append(collections, collection{
			where: path,
			names: names,
			open: func(name string) (*array, error) {
				z := entries[name]
				src, err := z.Open()
				if err != nil {
					return nil, fmt.Errorf("%s: %s: %w; save it with numpy.savez or numpy.savez_compressed", path, name, err)
				}
				if z.UncompressedSize64 > math.MaxInt64 {
					return nil, fmt.Errorf("%s: %s: it claims %d bytes", path, name, z.UncompressedSize64)
				}
				return newArray(path+": "+name, src, int64(z.UncompressedSize64), src.Close)
			},
			models: func() ([]Model, error) {
				have := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "labels" || n == "ids" })
				models, err := f.list(list, path, "", have)
				for i := range models {
					m := &models[i]
					z := entries[m.Name]
					m.File = path + ": " + m.Name
					m.Content = []string{fmt.Sprintf("npz %s, %d bytes, crc32 %08x", file, z.UncompressedSize64, z.CRC32)}
				}
				return models, err
			},
		})
	}
	return s.addCollections(collections)
}

// entries opens an archive and returns its arrays by name. Names are compared,
// never used as paths.
func (f *folder) entries(file string, h *held) (map[string]*zip.File, []string, error) {
	opened, size, err := f.open(file)
	if err != nil {
		return nil, nil, err
	}
	h.keep(opened)
	archive, err := zip.NewReader(opened, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, nil, fmt.Errorf("%s: %w: it is cut short, or was not made with numpy.savez", f.name(file), err)
	}
	entries := map[string]*zip.File{}
	var names []string
	for _, z := range archive.File {
		name, ok := strings.CutSuffix(z.Name, ".npy")
		if !ok {
			return nil, nil, fmt.Errorf("%s holds %q, which is not an array: save it with numpy.savez", f.name(file), z.Name)
		}
		if entries[name] != nil {
			return nil, nil, fmt.Errorf("%s holds two arrays called %q: names must differ", f.name(file), name)
		}
		entries[name] = z
		names = append(names, name)
	}
	return entries, names, nil
}
