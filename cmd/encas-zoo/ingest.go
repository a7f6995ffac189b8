package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

// encasList is the built-in list.
const encasList = "encas-518"

// timing is the least time for which a model is timed at each batch size.
const timing = 2 * time.Second

func ingestCommand() *cli.Command {
	o := &ingestOptions{
		Options:   ingest.Options{Python: "python3", Pretrained: true, Seed: 1, SizeOf: "test", CalibrateImages: ingest.DefaultCalibrateImages, GroupMemory: -1, Timing: timing},
		precision: "fp32",
		keep:      study.KeepAll,
	}
	return &cli.Command{
		Name:      "ingest",
		Usage:     "run models once over images and store their outputs",
		UsageText: "LIST... --data [SPLIT=]PATH [--data SPLIT=PATH]... [--unlabelled SPLIT=PATH]... [--zoo DIR] [flags]",
		Description: `Runs every model of a list over images and stores softmax outputs, cost (gflops,
latency_ms, throughput) and the model's origin. A model that is already in the zoo, with
the same weights, preprocessing and data, is skipped: the same command continues one
that was stopped. Several commands may fill one zoo at the same time.

A list is a text file with a model per line: a timm name (resnet18.a1_in1k, timm/...,
hf_hub:...), torchvision/NAME, hf:OWNER/NAME of transformers, or the path of a TorchScript
file or of a folder that transformers saved; patterns such as tf_efficientnet_* match
timm's names. A path with spaces may stand in quotation marks. The model may be followed by
key=value: name, size, crop_pct, crop_mode, interpolation, mean, std, batch, activation
(softmax, sigmoid, none, log: what is still to be done with its outputs), gflops, classes
(which classes its outputs are). A # at the beginning or after a space begins a comment.
Names need a Python with torch and timm, torchvision or transformers (--python), files do
not.

Where models say what they call their outputs, as those of torchvision, transformers and
timm's ImageNet heads do, these are matched by name with the zoo's classes, so that a model
with an ImageNet-21k head runs on ImageNet-1k, and one of ImageNet on some of its classes.
If neither zoo nor data name the classes, the first such model does.

A file with other outputs than the zoo's classes needs classes=FILE, a CSV file with the
columns output and class; classes=imagenet, if they are those of an ImageNet head (by timm's
lists); or, if output 0 is a background class and the others are the zoo's,
classes=background-first:

   mobilenet_v1.pt size=224 classes=background-first
   vit_22k.pt      size=224 classes=imagenet
   vit_other.pt    size=224 classes=other.csv

genome=3.0.5... is a subnet of a file that 'encas-zoo supernet export' wrote; 'encas-zoo
supernet sample' writes such lines. Their batch norms are recalibrated on images of the
training set (--calibrate), which are cropped as the others are.

The first batch shows what a model gives. A head with softmax is stored as it is; a model
that ends with sigmoid, has no classifier, or whose output depends on chance or on the
other images of the batch is refused with what to do.

PATH is a folder of class folders, a folder with val.txt, labels.csv or Tiny ImageNet's
val_annotations.txt, image Parquet files in the layout of Hugging Face, a CIFAR binary
batch, or a file of MNIST's form. SPLIT is val by default. PATH:0.5 is a share of the images, drawn class by class;
shares that one command draws of one PATH have no image in common, and with --group none of
a group, such as a patient or a video. With --unlabelled PATH
is a folder of images that nobody has labelled; folders in it mean nothing.

Classes that have names, as class folders do, are matched by name with those of the zoo:
some of them in any order will do. All images of a new split are read once before the
models run.

Models run through libtorch, which 'encas-zoo shim build' prepares once.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo ingest timm-list.txt --data imagenet/val --zoo imagenet
encas-zoo ingest timm-list.txt --data search=imagenetv2 --data test=imagenet/val --device cuda --precision fp16
encas-zoo ingest timm-list.txt --data search=imagenet/val:0.5 --data test=imagenet/val:0.5 --seed 7
encas-zoo ingest models.txt --data search=scans:0.5 --data test=scans:0.5 --group patient
encas-zoo ingest timm-list.txt --data adversarial=imagenet-a --class-names imagenet --skip-broken
encas-zoo ingest timm-list.txt --data search=imagenetv2 --unlabelled pool=seen-today
encas-zoo ingest --list encas-518 --data imagenet/val --shard 0/4
encas-zoo ingest hub.txt --data search=imagenetv2 --data test=imagenet/val --keep top-k
encas-zoo ingest ofa10.txt --data search=imagenetv2 --data test=imagenet/val --calibrate train=imagenet/train
encas-zoo ingest timm-list.txt --data imagenet/val --python venv/bin/python --size train
encas-zoo ingest models.txt --data val=cifar/test_batch.bin --limit 100 --pretrained=false`,
			"3    some models failed; the others are in the zoo",
			"130  interrupted; finished models are in the zoo"),
		Flags: []cli.Flag{
			ownZooFlag(),
			bind(&o.data, "data", "a split and its images, `SPLIT=PATH`, or with PATH:F a share of them; once for each split"),
			bind(&o.unlabelled, "unlabelled", "a split of images without labels, `SPLIT=PATH`; once for each split"),
			bind(&o.list, "list", "a built-in list, `NAME`: "+encasList+", the models of the ENCAS paper"),
			bind(&o.classNames, "class-names", "what the data call the classes: a text `FILE` with one name per line, class 0 first, or imagenet, the WordNet ids of its 1,000 classes"),
			bind(&o.Group, "group", "keep images with one value of `COLUMN`, of labels.csv or the Parquet files, in one share; or a CSV file of images and groups"),
			bind(&o.SkipBroken, "skip-broken", "leave images that cannot be read out of their split"),
			bind(&o.Classes, "classes", "number of classes `C`, if neither zoo, data nor models define it"),
			bind(&o.Device, "device", "run on `DEVICE`: cpu, cuda, cuda:1 (default: cuda if available)"),
			bind(&o.precision, "precision", "compute in `P`: fp32, bf16, fp16"),
			bind(&o.SizeOf, "size", "run models given by name at the image size `WHICH` of theirs: test or train"),
			bind(&o.Batch, "batch", "`N` images at a time; fewer if a model runs out of memory (default: 32 on a CPU, else 256)"),
			&cli.Float64Flag{Name: "group-memory", Destination: &o.groupMemory, Usage: "run models with the same preprocessing together as long as their files take at most `GB` (default: one model on a CPU, else 8.6)"},
			bindThreads(&o.Threads, "run on `T` CPU threads (default: all)"),
			bind(&o.calibrate, "calibrate", "recalibrate the batch norms of subnets on images of `[NAME=]PATH`, which the supernet was trained on"),
			bind(&o.CalibrateImages, "calibrate-images", "recalibrate on `N` images, drawn by --seed"),
			bind(&o.Limit, "limit", "use only `N` images of each data set, spread evenly"),
			bind(&o.shard, "shard", "run part `I/N` of the list, I from 0 (0/1 for all); I is the task by default, in Slurm's job arrays and Kubernetes' indexed jobs, and N the tasks of a whole array from 0"),
			bind(&o.Python, "python", "the Python interpreter `PATH` that exports models given by name"),
			bind(&o.ModelsDir, "models-dir", "store exported models in `DIR` (default: in the user's cache folder)"),
			bind(&o.Pretrained, "pretrained", "use published weights, or with --pretrained=false random ones"),
			bind(&o.Seed, "seed", "seed `S` of random weights and of shares"),
			bind(&o.Shim, "shim", "the torch library `PATH` (default: the one that 'encas-zoo shim build' made for the torch of --python, else its latest)"),
			bind(&o.Replace, "replace", "replace models of the same name that have other weights, preprocessing or data"),
			keepFlag(&o.keep),
			bind(&o.FailFast, "fail-fast", "stop at the first model that fails"),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runIngest(c, t, o) }),
	}
}

// ingested is the JSON result of ingest.
type ingested struct {
	Version int           `json:"version"`
	Zoo     string        `json:"zoo"`
	Added   []string      `json:"added"`
	Skipped []string      `json:"skipped"`
	Failed  []failedModel `json:"failed"`
}

type failedModel struct {
	Model  string `json:"model"`
	Reason string `json:"reason"`
}

// ingestOptions are the flags of ingest.
type ingestOptions struct {
	ingest.Options
	data, unlabelled       []string
	list, precision, shard string
	classNames             string
	groupMemory            float64 // GB
	calibrate, keep        string
}

func runIngest(c *cli.Context, t *terminal, o *ingestOptions) error {
	if err := o.read(c); err != nil {
		return err
	}
	o.Log = func(note string) { t.err.Notef("%s", note) }
	o.Failed = func(f ingest.Failure) { t.err.Warnf("%s: %v", f.Model, f.Reason) }
	if o.list == encasList {
		missing := ingest.Encas518Missing
		o.Log(fmt.Sprintf("%d of the 518 models are not in current versions of timm: %s", len(missing), strings.Join(missing, ", ")))
	}
	if !c.Bool("quiet") {
		o.Stderr = os.Stderr
	}
	progress := t.err.Progress("ingesting", "images")
	reading := t.err.Progress("reading all images once", "images")
	o.Progress = func(p ingest.Progress) {
		if len(p.Models) == 0 {
			reading.Update(p.Done, p.Total, p.Split)
			return
		}
		note := strings.Join(p.Models, ", ")
		if len(p.Models) > 1 {
			note = plural(len(p.Models), "model", "models")
		}
		progress.Update(p.Done, p.Total, fmt.Sprintf("%s, %s %d/%d", note, p.Split, p.Images, p.Of))
	}
	result, err := ingest.Run(c.Context, o.Options)
	progress.Stop()
	nothing := len(result.Added)+len(result.Skipped)+len(result.Failed) == 0
	if err != nil && (t.json || nothing) {
		return err
	}
	out := ingested{1, o.Zoo, append([]string{}, result.Added...), append([]string{}, result.Skipped...), []failedModel{}}
	for _, f := range result.Failed {
		out.Failed = append(out.Failed, failedModel{f.Model, f.Reason.Error()})
	}
	errOut := t.give(out, func() {
		t.out.Printf("%s: %s added", o.Zoo, plural(len(result.Added), "model", "models"))
		if n := len(result.Skipped); n > 0 {
			t.out.Printf(", %s there already", plural(n, "was", "were"))
		}
		t.out.Printf("\n")
	})
	if err = errors.Join(err, errOut); err != nil || len(result.Failed) == 0 {
		return err
	}
	return partialError{fmt.Errorf("%s failed", plural(len(result.Failed), "model", "models"))}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return ui.Count(n) + " " + many
}

// read reads flags that are more than a value, and the arguments.
func (o *ingestOptions) read(c *cli.Context) (err error) {
	if o.Zoo, err = ownZoo(c); err != nil {
		return err
	}
	if c.IsSet("group-memory") {
		if !(o.groupMemory >= 0 && o.groupMemory <= 1e6) {
			return usagef("--group-memory %v is not a number of gigabytes", o.groupMemory)
		}
		o.GroupMemory = int64(o.groupMemory * 1e9)
	}
	if !slices.Contains(ingest.Sizes(), o.SizeOf) {
		return usagef("--size %q is neither test nor train; a number of pixels is given in the list (size=224)", o.SizeOf)
	}
	if err := o.readImages(); err != nil {
		return err
	}
	if o.Models, err = readLists(o.list, c.Args().Slice()); err != nil {
		return err
	}
	if o.KeepLists, err = study.KeepsLists(o.keep); err != nil {
		return err
	}
	if o.Shard, o.Shards, err = ingest.ParseShard(o.shard, os.Getenv); err != nil {
		return usageError{err}
	}
	if o.ModelsDir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("no folder for model files (name one with --models-dir): %w", err)
		}
		o.ModelsDir = filepath.Join(cache, "encas-zoo", "models")
	}
	return nil
}

// readImages reads which images there are, what their classes are called, and the precision
// in which models run over them.
func (o *ingestOptions) readImages() (err error) {
	if o.Precision, err = torch.ParsePrecision(o.precision); err != nil {
		return usageError{err}
	}
	if err := o.readData(); err != nil {
		return err
	}
	switch o.classNames {
	case "":
	case "imagenet":
		o.ClassNames = ingest.ImageNet()
	default:
		if o.ClassNames, err = importer.ReadClassNames(o.classNames); err != nil {
			return usageError{err}
		}
	}
	o.Calibrate = calibrationPath(o.calibrate)
	return nil
}

// readData reads which images become which split.
func (o *ingestOptions) readData() error {
	for _, data := range o.data {
		split, path, named := strings.Cut(data, "=")
		if !named {
			split, path = "val", data
		}
		if split == "" || path == "" {
			return usagef("--data %q is not of the form SPLIT=PATH", data)
		}
		path, share, err := cutShare(path)
		if err != nil {
			return err
		}
		o.Data = append(o.Data, ingest.Data{Split: split, Path: path, Share: share})
	}
	for _, data := range o.unlabelled {
		split, path, _ := strings.Cut(data, "=")
		if split == "" || path == "" {
			return usagef("--unlabelled %q is not of the form SPLIT=PATH", data)
		}
		o.Data = append(o.Data, ingest.Data{Split: split, Path: path, Unlabelled: true})
	}
	if o.Group != "" && !slices.ContainsFunc(o.Data, func(d ingest.Data) bool { return d.Share != 0 }) {
		return usagef("--group keeps images together in shares; draw these with --data SPLIT=PATH:0.5")
	}
	if len(o.Data) == 0 {
		return usagef("name the images with --data, or with --unlabelled if they have no labels")
	}
	return nil
}

// cutShare cuts a share off a path, 0 if there is none. A path that is there is one
// without a share, whatever it is called.
func cutShare(path string) (string, float64, error) {
	i := strings.LastIndexByte(path, ':')
	if _, err := os.Stat(path); err == nil || i < 0 {
		return path, 0, nil
	}
	share, err := strconv.ParseFloat(path[i+1:], 64)
	if err != nil {
		if _, err := os.Stat(path[:i]); err == nil && strings.Trim(path[i+1:], "0123456789.,% ") == "" {
			return "", 0, usagef("--data: %q is no share of %s; write one as in %s:0.5", path[i+1:], path[:i], path[:i])
		}
		return path, 0, nil
	}
	if !(share > 0 && share <= 1) {
		return "", 0, usagef("--data: the share %s of %s is not above 0 and at most 1", path[i+1:], path[:i])
	}
	return path[:i], share, nil
}

// readLists reads the lists of a command line.
func readLists(builtIn string, files []string) (models []ingest.Entry, err error) {
	switch builtIn {
	case "":
	case encasList:
		models = ingest.Encas518()
	default:
		return nil, usagef("unknown built-in list %q; there is only %s", builtIn, encasList)
	}
	for _, name := range files {
		f, err := regular.Open(name)
		if err != nil {
			return nil, usageError{fmt.Errorf("%w%s", err, ingest.NearPath(name))}
		}
		entries, err := ingest.ParseList(f, name, filepath.Dir(name))
		f.Close()
		if err != nil {
			return nil, usageError{err}
		}
		models = append(models, entries...)
	}
	if len(models) == 0 {
		return nil, usagef("name a list of models")
	}
	return models, nil
}
