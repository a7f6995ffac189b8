package importer

// openNPY opens folders with one .npy file a model, labels.npy, perhaps ids.npy,
// and models.csv.
func openNPY(paths []string, opt OpenOptions, h *held) (opened, error) {
	var collections []collection
	for _, path := range paths {
		f, err := openFolder(path, h)
		if err != nil {
			return nil, err
		}
		rows, err := readModels(f, "models.csv")
		if err != nil {
			return nil, err
		}
		collections = append(collections, collection{
			where:   path,
			ext:     ".npy",
			names:   f.stems(".npy"),
			open:    func(name string) (*array, error) { return f.array(name + ".npy") },
			content: func(name string) (string, error) { return f.content("npy", name+".npy") },
			list:    f.name("models.csv"),
			rows:    rows,
		})
	}
	return openCollections(collections, opt.Logits)
}

// array opens a .npy file of the folder.
func (f *folder) array(file string) (*array, error) {
	opened, size, err := f.open(file)
	if err != nil {
		return nil, err
	}
	return newArray(f.name(file), opened, size, opened.Close)
}
