package zoo

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
	// ColumnDataPrefix and the name of a split are the fingerprint of its images.
	ColumnDataPrefix = "data:"

	// ColumnImportedPrefix and the name of a split are what predictions were imported
	// from.
	ColumnImportedPrefix = "imported."
	// ColumnSupernet and ColumnConfig are the supernet that the model is a part of, and
	// the part.
	ColumnSupernet = "supernet"
	ColumnConfig   = "config"

	// ColumnTemperature is the temperature of a calibrated model.
	ColumnTemperature = "temperature"
	// ColumnCalibratedFrom identifies what a calibrated model was made from.
	ColumnCalibratedFrom = "calibrated.from"
)
