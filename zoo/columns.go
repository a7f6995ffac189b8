package zoo

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

// The columns that this module's own programs write or read. A zoo may have any
// others.
const (
	// ColumnGFLOPs is the default cost of a model: 10^9 multiply-adds a sample.
	ColumnGFLOPs = "gflops"
	// ColumnGFLOPsFVCore is the same as fvcore counts it, with additions and norms.
	ColumnGFLOPsFVCore = "gflops_fvcore"
	// ColumnGFLOPsFrom is "given" if the user said ColumnGFLOPs, and it was not counted.
	ColumnGFLOPsFrom = "gflops_from"
	// ColumnParams is the number of parameters.
	ColumnParams = "params"
	// ColumnLatency is the time of one sample alone, in milliseconds.
	ColumnLatency = "latency_ms"
	// ColumnThroughput is the number of samples a second, in batches.
	ColumnThroughput = "throughput"
	// ColumnBatch is the number of samples in a batch.
	ColumnBatch = "batch"
	// ColumnMemory is what a batch takes beside the weights, in megabytes.
	ColumnMemory = "memory_mb"
	// ColumnDevice is what the model was measured on.
	ColumnDevice = "device"

	// ColumnSource is where the model comes from: timm, torchvision, file, simulated.
	ColumnSource = "source"
	// ColumnFamily is the family of architectures that the model belongs to.
	ColumnFamily = "family"
	// ColumnArchitecture, ColumnTag, ColumnLicense and ColumnLibraryVersion are what
	// the library that the model comes from states.
	ColumnArchitecture   = "architecture"
	ColumnTag            = "tag"
	ColumnLicense        = "license"
	ColumnLibraryVersion = "library_version"
	// ColumnWeights is "random" for a model that was not trained.
	ColumnWeights = "weights"
	// ColumnImageSize, ColumnCropPct, ColumnCropMode and ColumnInterpolation are how
	// images were made into inputs.
	ColumnImageSize     = "image_size"
	ColumnCropPct       = "crop_pct"
	ColumnCropMode      = "crop_mode"
	ColumnInterpolation = "interpolation"
	// ColumnActivation is what made probabilities of the model's outputs, if not softmax.
	ColumnActivation = "activation"
	// ColumnTorch is the version of torch that ran the model.
	ColumnTorch = "torch"

	// ColumnCheckpoint, ColumnPreprocessing and ColumnPrecision say, with the data,
	// whether two runs of a model are the same.
	ColumnCheckpoint    = "checkpoint"
	ColumnPreprocessing = "preprocessing"
	ColumnPrecision     = "precision"
	// ColumnClassMap says which outputs of the model were taken as which classes, if not
	// each as the class of its number; it is a part of what makes two runs the same.
	ColumnClassMap = "class_map"
	// ColumnRecipe is the model's file and how it is run, as JSON.
	ColumnRecipe = "recipe"
	// ColumnDataPrefix and the name of a split are the fingerprint of its images.
	ColumnDataPrefix = "data:"

	// ColumnImportedPrefix and the name of a split are what predictions were imported
	// from.
	ColumnImportedPrefix = "imported."
	// ColumnSetPrefix and the name of a column mark one that a person has set in the zoo:
	// an import leaves it as it is.
	ColumnSetPrefix = "set:"
	// ColumnSupernet and ColumnConfig are the supernet that the model is a part of, and
	// the part.
	ColumnSupernet = "supernet"
	ColumnConfig   = "config"
	// ColumnGenome is the subnet of a supernet that the model is, ColumnResolution what it
	// sees images at, and ColumnCalibration what its batch norms were recalibrated with.
	ColumnGenome      = "genome"
	ColumnResolution  = "resolution"
	ColumnCalibration = "calibration"
	// ColumnPtFLOPs is 10^9 of what the package ptflops counts of it, ENCAS's FLOPs.
	ColumnPtFLOPs = "ptflops"

	// ColumnTemperature is the temperature of a calibrated model.
	ColumnTemperature = "temperature"
	// ColumnCalibratedFrom identifies what a calibrated model was made from.
	ColumnCalibratedFrom = "calibrated.from"
)

// KeptColumn reports whether a column is one that the zoo keeps itself: it says what the
// predictions are of, and a person must not change it.
func KeptColumn(column string) bool {
	switch column {
	case ColumnCheckpoint, ColumnPreprocessing, ColumnPrecision, ColumnClassMap, ColumnRecipe, ColumnTemperature, ColumnCalibratedFrom, ColumnSupernet, ColumnConfig, ColumnGenome, ColumnCalibration:
		return true
	}
	return strings.HasPrefix(column, ColumnDataPrefix) || strings.HasPrefix(column, ColumnImportedPrefix) || strings.HasPrefix(column, ColumnSetPrefix)
}

// SetColumns sets columns of models, by name: of all of them, or after an error of none. The
// error wraps ErrNoModel if the zoo lacks one of them. (A process that is killed while the
// files get their names may leave some of the models changed; the same call completes it.)
func (w *Writer) SetColumns(columns map[string]map[string]string) (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return err
	}
	var before, after []Model
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		old, err := w.z.Model(name)
		if err != nil {
			return err
		}
		if w.open[name] != nil {
			return fmt.Errorf("zoo: the model %q is being written", name)
		}
		m := old.clone()
		if m.Columns == nil {
			m.Columns = map[string]string{}
		}
		maps.Copy(m.Columns, columns[name])
		if err := m.check(); err != nil {
			return err
		}
		before, after = append(before, old), append(after, m)
	}
	if err := w.z.replaceModels(before, after); err != nil {
		return err
	}
	w.z.mu.Lock()
	defer w.z.mu.Unlock()
	for _, m := range after {
		w.z.models[m.Name] = m
	}
	return nil
}

// replaceModels writes the files of models anew. All are complete before the first gets its
// name; if one does not get it those before it are as they were.
func (z *Zoo) replaceModels(before, after []Model) (err error) {
	var files []*atomicfile.File
	defer func() {
		for i, f := range files {
			if err != nil && f.Renamed() {
				err = errors.Join(err, z.writeModel(before[i]))
			}
			f.Discard()
		}
	}()
	for _, m := range after {
		data, err := encodeJSON(z.modelPath(slug(m.Name)), modelJSON(m))
		if err != nil {
			return err
		}
		f, err := atomicfile.Create(z.modelPath(slug(m.Name)))
		if err != nil {
			return err
		}
		files = append(files, f)
		f.Write(data)
		if err := f.Sync(); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := f.Rename(); err != nil {
			return err
		}
	}
	return atomicfile.SyncDir(filepath.Join(z.dir, "models"))
}
