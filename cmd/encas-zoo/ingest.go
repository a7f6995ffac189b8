package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/internal/ui"
)

// encasList is the list that is built in.
const encasList = "encas-518"

// timing is how long a model is timed at each batch size, at least.
const timing = 2 * time.Second

func ingestCommand() *cli.Command {
	o := &ingestOptions{
		Options:   ingest.Options{Python: "python3", Pretrained: true, Seed: 1, GroupMemory: -1, Timing: timing},
		precision: "fp32",
	}
	return &cli.Command{
		Name:      "ingest",
		Usage:     "run models once over labelled images and keep their outputs",
		UsageText: "LIST... --data [SPLIT=]PATH [--data SPLIT=PATH]... [--zoo DIR] [flags]",
		Description: `Runs every model of a list over images and stores softmax outputs, cost (gflops,
latency_ms, throughput) and what each model is made of. A model that is in the zoo
already, of the same weights, preprocessing and data, is skipped: the same command
again goes on where it was stopped. Several may fill one zoo at once.

A list is a text file with a model a line: a timm name (resnet18.a1_in1k, timm/...,
hf_hub:...), torchvision/NAME, or the path of a TorchScript file; patterns such as
tf_efficientnet_* stand for all names that match. After it key=value: name, size,
crop_pct, crop_mode, interpolation, mean, std, batch. # begins a comment. Names need
a Python with torch and timm or torchvision (--python), files do not.

PATH is a folder of class folders, a folder with val.txt or labels.csv, image
Parquet files as Hugging Face has them, or a CIFAR binary batch. SPLIT is val where
it is not given.

Models run through libtorch: 'encas-zoo shim build' makes it ready, once.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo ingest timm-list.txt --data imagenet/val --zoo imagenet
encas-zoo ingest timm-list.txt --data search=imagenetv2 --data test=imagenet/val --device cuda --precision fp16
encas-zoo ingest --list encas-518 --data imagenet/val --shard 0/4
encas-zoo ingest models.txt --data val=cifar/test_batch.bin --limit 100 --pretrained=false`,
			"3    some models failed; the others are in the zoo",
			"130  interrupted; finished models are in the zoo"),
		Flags: []cli.Flag{
			ownZooFlag(),
			list(&o.data, "data", "images and the split they become, `SPLIT=PATH`; give it once for each"),
			text(&o.list, "list", "a list that is built in, `NAME`: "+encasList+", the models of the ENCAS paper"),
			count(&o.Classes, "classes", "number of classes `C`, if neither zoo, data nor models say it"),
			text(&o.Device, "device", "run on `DEVICE`: cpu, cuda, cuda:1 (default: cuda if there is one)"),
			text(&o.precision, "precision", "compute in `P`: fp32, bf16, fp16"),
			count(&o.Batch, "batch", "`N` images at a time; fewer for models that have no room (default: 32 on a CPU, else 256)"),
			&cli.Float64Flag{Name: "group-memory", Destination: &o.groupMemory, Usage: "run models of one preprocessing over the same images while their files take at most `GB` (default: one model on a CPU, else 8.6)"},
			count(&o.Threads, "threads", "run on `T` threads of a CPU (default: all)"),
			count(&o.Limit, "limit", "take only `N` images of each data set, spread evenly"),
			text(&o.shard, "shard", "take part `I/N` of the list, I from 0; without I or without the flag what SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX say"),
			text(&o.Python, "python", "the interpreter `PATH` that makes files of names"),
			text(&o.ModelsDir, "models-dir", "keep those files in `DIR` (default: in the user's cache folder)"),
			yes(&o.Pretrained, "pretrained", "use published weights; --pretrained=false gives random ones"),
			seed(&o.Seed, "seed", "of random weights, `S`"),
			text(&o.Shim, "shim", "the torch library `PATH` (default: where 'encas-zoo shim build' puts it)"),
			yes(&o.Replace, "replace", "replace models of the same name and other weights, preprocessing or data"),
			yes(&o.FailFast, "fail-fast", "stop at the first model that fails"),
			jsonFlag(),
			quietFlag(),
		},
		Action: func(c *cli.Context) error { return runIngest(c, o) },
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
	data                   []string
	list, precision, shard string
	groupMemory            float64 // GB
}

func runIngest(c *cli.Context, o *ingestOptions) error {
	t := newTerminal(c)
	if err := o.read(c); err != nil {
		return err
	}
	o.Log = func(note string) { t.err.Notef("%s", note) }
	if o.list == encasList {
		missing := ingest.Encas518Missing
		o.Log(fmt.Sprintf("%d of the 518 models are not in today's timm: %s", len(missing), strings.Join(missing, ", ")))
	}
	if !c.Bool("quiet") {
		o.Stderr = os.Stderr
	}
	progress := t.err.Progress("ingesting", "images")
	o.Progress = func(p ingest.Progress) {
		note := strings.Join(p.Models, ", ")
		if len(p.Models) > 1 {
			note = fmt.Sprintf("%d models", len(p.Models))
		}
		progress.Update(p.Done, p.Total, fmt.Sprintf("%s, %s %d/%d", note, p.Split, p.Images, p.Of))
	}
	result, err := ingest.Run(c.Context, o.Options)
	progress.Stop()
	if t.json {
		out := ingested{Version: 1, Zoo: o.Zoo, Added: append([]string{}, result.Added...), Skipped: append([]string{}, result.Skipped...), Failed: []failedModel{}}
		for _, f := range result.Failed {
			out.Failed = append(out.Failed, failedModel{f.Model, f.Reason.Error()})
		}
		if err == nil {
			err = t.writeJSON(out)
		}
	} else {
		t.out.Printf("%s: %s", o.Zoo, plural(len(result.Added), "model added", "models added"))
		if n := len(result.Skipped); n > 0 {
			t.out.Printf(", %s there already", plural(n, "was", "were"))
		}
		t.out.Printf("\n")
	}
	if err != nil {
		return err
	}
	if len(result.Failed) == 0 {
		return nil
	}
	if !t.json {
		for _, f := range result.Failed {
			t.err.Warnf("%s: %v", f.Model, f.Reason)
		}
	}
	return partialError{fmt.Errorf("%s failed", plural(len(result.Failed), "model", "models"))}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return ui.Count(n) + " " + many
}

// read takes what flags and arguments say that is more than a value.
func (o *ingestOptions) read(c *cli.Context) (err error) {
	if o.Zoo, err = ownZoo(c); err != nil {
		return err
	}
	if c.IsSet("group-memory") {
		if !(o.groupMemory >= 0 && o.groupMemory <= 1e6) {
			return usagef("--group-memory %v is no number of gigabytes", o.groupMemory)
		}
		o.GroupMemory = int64(o.groupMemory * 1e9)
	}
	if o.Precision, err = torch.ParsePrecision(o.precision); err != nil {
		return usageError{err}
	}
	for _, data := range o.data {
		split, path, named := strings.Cut(data, "=")
		if !named {
			split, path = "val", data
		}
		if split == "" || path == "" {
			return usagef("--data %q is not of the form SPLIT=PATH", data)
		}
		o.Data = append(o.Data, ingest.Data{Split: split, Path: path})
	}
	if len(o.Data) == 0 {
		return usagef("name the images with --data")
	}
	if o.Models, err = readLists(o.list, c.Args().Slice()); err != nil {
		return err
	}
	if o.Shard, o.Shards, err = shard(o.shard, os.Getenv); err != nil {
		return err
	}
	if o.ModelsDir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("no place for model files; give --models-dir: %w", err)
		}
		o.ModelsDir = filepath.Join(cache, "encas-zoo", "models")
	}
	return nil
}

// readLists reads the lists of a command line.
func readLists(builtIn string, files []string) (models []ingest.Entry, err error) {
	switch builtIn {
	case "":
	case encasList:
		models = ingest.Encas518()
	default:
		return nil, usagef("there is no built-in list %q; there is %s", builtIn, encasList)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, usageError{err}
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

// shard reads --shard, or, where it leaves something out, what a batch system says:
// SLURM's job arrays, whose numbers may begin anywhere, or Kubernetes' indexed jobs,
// which do not say how many there are.
func shard(flag string, env func(string) string) (i, n int, err error) {
	index, count, ok := strings.Cut(flag, "/")
	if flag != "" && !ok {
		return 0, 0, usagef("--shard %q is not of the form I/N", flag)
	}
	if id := env("SLURM_ARRAY_TASK_ID"); index == "" && id != "" {
		first, _ := strconv.Atoi(env("SLURM_ARRAY_TASK_MIN"))
		number, err := strconv.Atoi(id)
		if err != nil {
			return 0, 0, usagef("SLURM_ARRAY_TASK_ID is %q", id)
		}
		index = strconv.Itoa(number - first)
		if count == "" {
			count = env("SLURM_ARRAY_TASK_COUNT")
		}
	} else if id := env("JOB_COMPLETION_INDEX"); index == "" && id != "" && flag != "" {
		index = id
	}
	if index == "" && count == "" {
		return 0, 0, nil
	}
	i, err1 := strconv.Atoi(index)
	n, err2 := strconv.Atoi(count)
	if err1 != nil || err2 != nil || i < 0 || n < 1 || i >= n {
		return 0, 0, usagef("part %q of %q is none: --shard takes I/N, I from 0 to N-1", index, count)
	}
	return i, n, nil
}
