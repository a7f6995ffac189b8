package importer

// openNPY opens folders with one .npy file a model, labels.npy, perhaps ids.npy,
// and models.csv.
func openNPY(paths []string, _ OpenOptions, s *Source) error {
	var collections []collection
	for _, path := range paths {
		f, err := openFolder(path, &s.held)
		if err != nil {
			return err
		}
		collections = append(collections, collection{
			where:  path,
			ext:    ".npy",
			names:  f.stems(".npy"),
			open:   func(name string) (*array, error) { return f.array(name + ".npy") },
			models: func() ([]Model, error) { return f.models("npy", "labels", "ids") },
		})
	}
	return s.addCollections(collections)
}

// array opens a .npy file of the folder.
func (f *folder) array(file string) (*array, error) {
	opened, size, err := f.open(file)
	if err != nil {
		return nil, err
	}
	return newArray(f.name(file), opened, size, opened.Close)
}
