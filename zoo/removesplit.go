package zoo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

// ModelsOn returns the names of the models with predictions on a split, and of those
// among them that have predictions on no other.
func (z *Zoo) ModelsOn(split string) (models, only []string) {
	for _, m := range z.Models() {
		if _, ok := m.Splits[split]; !ok {
			continue
		}
		models = append(models, m.Name)
		if len(m.Splits) == 1 {
			only = append(only, m.Name)
		}
	}
	return models, only
}

// RemoveSplit removes a split with all predictions on it. Models that have predictions
// on no other split go with it: see ModelsOn. The error wraps ErrNoSplit if there is no
// such split.
func (w *Writer) RemoveSplit(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return err
	}
	if len(w.open) > 0 {
		return fmt.Errorf("zoo: the split %q cannot be removed while models are being written", name)
	}
	if _, err := w.z.Split(name); err != nil {
		return err
	}
	if err := w.z.anyDamaged(); err != nil {
		return fmt.Errorf("zoo: the split %q cannot be removed before it is known which models have predictions on it: %w", name, err)
	}
	// The split goes last: at every moment each model's file names splits that there are,
	// and the next writer removes what nothing names.
	models, _ := w.z.ModelsOn(name)
	for _, model := range models {
		if err := w.forget(model, name); err != nil {
			return err
		}
	}
	return w.dropSplit(name)
}

// forget removes the predictions of a model on a split, and the model if it has no
// others.
func (w *Writer) forget(model, split string) error {
	m, err := w.z.Model(model)
	if err != nil {
		return err
	}
	a := m.Splits[split]
	delete(m.Splits, split)
	delete(m.Columns, ColumnDataPrefix+split)
	delete(m.Columns, ColumnImportedPrefix+split)
	if len(m.Splits) == 0 {
		err = w.dropModel(model)
	} else if err = w.z.writeModel(m); err == nil {
		w.z.mu.Lock()
		w.z.models[model] = m
		w.z.mu.Unlock()
	}
	return errors.Join(err, remove(w.z.predictionsPath(split, model, a)), remove(w.z.indexPath(split, model)))
}

// dropModel makes a model not exist. Its archives and indexes stay.
func (w *Writer) dropModel(name string) error {
	path := w.z.modelPath(slug(name))
	if err := remove(path); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	w.z.mu.Lock()
	defer w.z.mu.Unlock()
	delete(w.z.models, name)
	delete(w.z.damaged, slug(name))
	return nil
}

// dropSplit removes a split that no model has predictions on.
func (w *Writer) dropSplit(name string) error {
	splits := slices.DeleteFunc(w.z.Splits(), func(s Split) bool { return s.Name == name })
	if err := w.z.writeHead(splits); err != nil {
		return err
	}
	w.z.mu.Lock()
	w.z.splits = splits
	w.z.mu.Unlock()
	delete(w.labels, name)
	if err := remove(w.z.splitPath(name)); err != nil {
		return err
	}
	// These are empty now, but for files that are not the zoo's.
	os.Remove(filepath.Join(w.z.dir, "archive", name))
	os.Remove(filepath.Join(w.z.dir, "index", name))
	return nil
}

// unused reports whether a split binds nobody: no model has predictions on it, and it
// was not added by this writer.
func (w *Writer) unused(name string) bool {
	models, _ := w.z.ModelsOn(name)
	return len(models) == 0 && len(w.z.Damaged()) == 0 && len(w.open) == 0 && !w.added[name]
}
