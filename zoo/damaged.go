package zoo

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/parquet"
	"github.com/encas-zoo/encas-zoo/internal/shell"
)

// A DamagedModel is the error of a model whose JSON file cannot be used. The zoo opens without
// it, and keeps its predictions.
type DamagedModel struct {
	Name string // "" if nothing tells it
	Path string // of the file
	Err  error

	dir string
}

func (d *DamagedModel) Error() string {
	if d.Name == "" {
		return fmt.Sprintf("%v. The model is left out, and its name is not known: restore the file, or remove it and import or ingest the model again", d.Err)
	}
	return fmt.Sprintf("%v. The model %q is left out: restore the file, import or ingest the model again with --replace, or remove it with `encas-zoo zoo remove --zoo %s -- %s`",
		d.Err, clip(d.Name, 200), shell.Word(d.dir), shell.Word(d.Name))
}

func (d *DamagedModel) Unwrap() error { return d.Err }

// Damaged returns the models that were left out because their files cannot be used, in the
// order of these.
func (z *Zoo) Damaged() []*DamagedModel {
	z.mu.RLock()
	defer z.mu.RUnlock()
	var all []*DamagedModel
	for _, base := range slices.Sorted(maps.Keys(z.damaged)) {
		all = append(all, z.damaged[base])
	}
	return all
}

// damagedModel describes a model whose file was read and is of no use. Its name is that in the
// file, or in one of its archives, if it is one for which the file is called so.
func (z *Zoo) damagedModel(base string, err error) *DamagedModel {
	d := &DamagedModel{Path: z.modelPath(base), Err: err, dir: z.dir}
	var f struct {
		Name string `json:"name"`
	}
	if data, err := readBytes(d.Path); err == nil && json.Unmarshal(data, &f) == nil && slug(f.Name) == base && checkName(f.Name) == nil {
		d.Name = f.Name
		return d
	}
	for _, s := range z.splits {
		for _, end := range []string{"", secondName} {
			if name := nameIn(filepath.Join(z.dir, "archive", s.Name, base+end+".parquet")); slug(name) == base && checkName(name) == nil {
				d.Name = name
				return d
			}
		}
	}
	return d
}

// nameIn returns the name of the model that an archive says that it is of; "" if there is none.
func nameIn(path string) (name string) {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	t := &table{path: path, f: f}
	defer t.close()
	t.try(func() error {
		info, err := f.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		if t.p, err = parquet.NewFile(f, "", limits); err == nil && t.p.Metadata("model") != nil {
			name = *t.p.Metadata("model")
		}
		return err
	})
	return name
}

// asDamaged returns the error of a model that was left out, nil if there is none of that name.
// The zoo's lock must be held.
func (z *Zoo) asDamaged(name string) error {
	if d := z.damaged[slug(name)]; d != nil {
		named := *d
		named.Name = name
		return &named
	}
	return nil
}

// anyDamaged returns the error of a change that depends on what all models have.
func (z *Zoo) anyDamaged() error {
	var all []error
	for _, d := range z.Damaged() {
		all = append(all, d)
	}
	return errors.Join(all...)
}

// removeDamaged removes what there is of a model that was left out.
func (w *Writer) removeDamaged(name string) error {
	if err := w.dropModel(name); err != nil {
		return err
	}
	for _, s := range w.z.Splits() {
		for _, path := range append(w.z.predictionsPaths(s.Name, name), w.z.indexPath(s.Name, name)) {
			if err := remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}
