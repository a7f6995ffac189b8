package importer

import (
	"archive/zip"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// A container is a file with several arrays, by name.
type container struct {
	names []string
	open  func(name string) (*array, error)
	// content identifies an array by a checksum that the file has; nil: it has none.
	content func(name string) string
}

// openNPZ opens files with the arrays of all models, by name, "labels", perhaps "ids": .npz
// archives, and the files of safetensors and torch. The list of models is beside the
// file, as <file>.csv or models.csv. A folder, or a file with one model's arrays, is
// what format npy takes.
func openNPZ(paths []string, _ OpenOptions, s *Source) error {
	var collections []collection
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			f, err := openFolder(path, &s.held)
			if err != nil {
				return err
			}
			here, err := s.folderCollections(f, "")
			if err != nil {
				return err
			}
			collections = append(collections, here...)
			continue
		}
		f, file, err := openPlace(path, &s.held)
		if err != nil {
			return err
		}
		c, err := f.container(file, &s.held)
		if err != nil {
			return err
		}
		stem, ext := cutArray(file)
		list := stem + ".csv"
		if !f.has(list) {
			list = "models.csv"
		}
		have := slices.DeleteFunc(slices.Clone(c.names), func(n string) bool { return !isModelArray(n) })
		if f.has(list) && !slices.Contains(have, stem) {
			if _, err := f.listed(list, stem); err == nil { // it is a model itself
				here, err := s.folderCollections(f, file)
				if err != nil {
					return err
				}
				collections = append(collections, here...)
				continue
			}
		}
		models, err := f.list(list, path, "", have)
		if err != nil {
			return err
		}
		for i := range models {
			m := &models[i]
			m.File = path + ": " + m.Name
			name := m.Name
			m.Content = func(int) (string, error) {
				if c.content != nil {
					return fmt.Sprintf("npz %s, %s", file, c.content(name)), nil
				}
				return f.content(ext[1:], file)
			}
		}
		collections = append(collections, collection{where: path, names: c.names, open: c.open, list: models})
	}
	return s.addCollections(collections)
}

// container opens a file with several arrays, which h closes.
func (f *folder) container(file string, h *held) (container, error) {
	switch _, ext := cutArray(file); ext {
	case ".safetensors":
		return f.safetensors(file, h)
	case ".pt", ".pth":
		return f.torch(file, h)
	case ".npz":
		return f.npz(file, h)
	}
	return container{}, fmt.Errorf("%s is no file of several arrays (.npz, .safetensors, .pt)", f.name(file))
}

// npz opens a .npz archive. Names are compared, never used as paths.
func (f *folder) npz(file string, h *held) (container, error) {
	entries := map[string]*zip.File{}
	var c container
	archive, err := f.zip(file, h, "it is cut short, or was not made with numpy.savez")
	if err != nil {
		return c, err
	}
	for _, z := range archive.File {
		name, ok := strings.CutSuffix(z.Name, ".npy")
		if !ok {
			return c, fmt.Errorf("%s holds %q, which is not an array: save it with numpy.savez", f.name(file), z.Name)
		}
		if entries[name] != nil {
			return c, fmt.Errorf("%s holds two arrays called %q: names must differ", f.name(file), name)
		}
		entries[name] = z
		c.names = append(c.names, name)
	}
	c.open = func(name string) (*array, error) {
		z := entries[name]
		src, err := z.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w; save it with numpy.savez or numpy.savez_compressed", f.name(file), name, err)
		}
		if z.UncompressedSize64 > math.MaxInt64 {
			return nil, fmt.Errorf("%s: %s: it claims %d bytes", f.name(file), name, z.UncompressedSize64)
		}
		return newArray(f.name(file)+": "+name, src, int64(z.UncompressedSize64), src.Close)
	}
	c.content = func(name string) string {
		z := entries[name]
		return fmt.Sprintf("%d bytes, crc32 %08x", z.UncompressedSize64, z.CRC32)
	}
	return c, nil
}

// zip opens a zip archive, which h closes.
func (f *folder) zip(file string, h *held, otherwise string) (*zip.Reader, error) {
	opened, size, err := f.open(file)
	if err != nil {
		return nil, err
	}
	h.keep(opened)
	archive, err := zip.NewReader(opened, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("%s: %w: %s", f.name(file), err, otherwise)
	}
	return archive, nil
}
