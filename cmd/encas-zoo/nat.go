package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/ingest/tuning"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/nat"
)

// enoughImages tell subnets apart that are worth telling apart.
const enoughImages = 5000

// natOptions are the flags of nat.
type natOptions struct {
	nat.Options
	images   ingestOptions
	preset   string
	training tuning.Settings // no epochs: the weights stay
}

func natCommand() *cli.Command {
	o := &natOptions{
		Options:  nat.Options{Settings: nat.Defaults()},
		training: tuning.Paper(),
		images: ingestOptions{
			Options:   ingest.Options{Python: "python3", CalibrateImages: ingest.DefaultCalibrateImages, GroupMemory: -1},
			precision: "fp32",
		},
	}
	o.training.Epochs = 0
	return &cli.Command{
		Name:      "nat",
		Usage:     "search the subnets of a supernet that are best at their cost",
		UsageText: "FILE --data [val=]PATH --calibrate [train=]PATH --out DIR [flags]",
		Description: `Searches subnets of a file that 'encas-zoo supernet export' wrote, as Neural Architecture
Transfer (NAT) does, with the weights as they are or, with --epochs, training them. It evaluates the smallest, the largest
and random subnets. Then in each iteration a surrogate learns the error of a subnet from
its genes, a search on the surrogate finds subnets that promise much at their cost, and
some of them are evaluated. The cost of every subnet is known exactly.

A subnet is evaluated with batch norms of its own, recalibrated on images of the training
set (--calibrate), on the labelled images of --data. Take others for searching cascades,
and others again for testing: what was best on some images is less good on others.

With --epochs the weights are trained in every iteration for its subnets, of which each batch
trains one, on the labelled images of --calibrate. An iteration then replaces the one before,
of which its subnets may be, and the file of its weights stays in the run folder. With --average
the front's subnets are evaluated once more in the end, with the average of the weights of the
last iterations, and the front is what is not beaten then.

The run folder gets front.txt, the subnets that no other one beats, as a list for 'encas-zoo
ingest'; curve.csv, the hypervolume after each iteration; and a file for each iteration. The
same command continues a run that was interrupted or killed, with what was evaluated until
then, and ends as one that was not. --iterations may be raised later, and --average changed.

--preset imagenet, which is the default, and cifar are the settings of the ENCAS paper;
other flags change them.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo nat ofa10.pt --data val=imagenetv2 --calibrate train=imagenet/train --out runs/nat10
encas-zoo nat ofa10.pt --data val=imagenetv2 --calibrate train=imagenet/train --preset imagenet --out runs/paper10
encas-zoo nat ofa10.pt --data val=photos --calibrate train=more-photos --search gomea --iterations 30 --out runs/gomea
encas-zoo nat cifar.pt --data val=photos --calibrate train=more-photos --epochs 5 --average 20 --preset cifar --device cuda --out runs/tuned
encas-zoo nat ofa10.pt --data val=photos --calibrate train=more-photos --out runs/nat10 --json | jq '.front[].genome'
encas-zoo ingest runs/nat10/front.txt --data search=photos2 --data test=photos3 --calibrate train=more-photos`,
			"130  interrupted; the same command continues"),
		Flags: []cli.Flag{
			bind(&o.Dir, "out", "the run folder `DIR`; a run that is in it continues"),
			bind(&o.images.data, "data", "the labelled images that subnets are evaluated on, `[SPLIT=]PATH`, or with PATH:F a share of them"),
			bind(&o.images.calibrate, "calibrate", "recalibrate the batch norms of each subnet on images of `[NAME=]PATH`, which the supernet was trained on"),
			bind(&o.images.CalibrateImages, "calibrate-images", "recalibrate on `N` images, drawn by --seed"),
			bind0(&o.Iterations, "iterations", "`N` iterations after the start"),
			bind(&o.Start, "start", "`N` subnets of the start"),
			bind(&o.Candidates, "candidates", "`N` subnets in each iteration"),
			bind0(&o.training.Epochs, "epochs", "train `E` epochs in every iteration on the images of --calibrate, which have labels; 0: the weights stay"),
			bind0(&o.Average, "average", "average the weights of the last `N` iterations in the end, and evaluate the front with them"),
			bind(&o.training.Rate, "rate", "train with the highest rate `R` of learning; it falls along a cosine in every iteration"),
			bind(&o.training.Augment.Crop, "crop", "train on images cropped at random, at least the share `S` of their area; 1 for all of it"),
			bind0(&o.training.Augment.Shift, "shift", "train on images shifted by up to `N` of their pixels instead of cropped"),
			bind(&o.training.Augment.Flip, "flip", "mirror half of the images that are trained on; --flip=false for none"),
			bind0(&o.training.Augment.CutMix, "cutmix", "by the chance `P` put a rectangle of one image into another (CutMix)"),
			bind0(&o.training.Augment.RandAugment, "randaugment", "change images by RandAugment of magnitude `M`, up to 10; 0: not at all"),
			bind(&o.Search, "search", "search on the surrogate by `NAME`: "+strings.Join(nat.Searches(), ", ")),
			bind(&o.Scale, "scale", "candidates are apart on a `SCALE` of cost: "+strings.Join(nat.Scales(), ", ")),
			bind(&o.Evaluations, "surrogate-evaluations", "the search tries `N` subnets on the surrogate in each iteration"),
			bind(&o.Interpolants, "interpolants", "the surrogate is the median of `N` interpolants"),
			bind(&o.preset, "preset", "the settings of the ENCAS paper for `DATA`: "+strings.Join(nat.Papers(), ", ")+" (there with training)"),
			bind(&o.Seed, "seed", "seed `S` of the search, of the images to recalibrate on and of shares"),
			bind(&o.images.classNames, "class-names", "what the data call the classes: a text `FILE` with one name per line, class 0 first, or imagenet, the WordNet ids of its 1,000 classes"),
			bind(&o.images.SkipBroken, "skip-broken", "leave images out that cannot be read"),
			bind(&o.images.Limit, "limit", "use only `N` images of --data, spread evenly"),
			bind(&o.images.Device, "device", "run on `DEVICE`: cpu, cuda, cuda:1 (default: cuda if available)"),
			bind(&o.images.precision, "precision", "compute in `P`: fp32, bf16, fp16"),
			bind(&o.images.Batch, "batch", "`N` images at a time; fewer if a subnet runs out of memory (default: 32 on a CPU, else 256)"),
			bindThreads(&o.images.Threads, "run on `T` CPU threads (default: all)"),
			bind(&o.images.Python, "python", "the Python interpreter `PATH` whose torch is used"),
			bind(&o.images.Shim, "shim", "the torch library `PATH` (default: the one that 'encas-zoo shim build' made for the torch of --python, else its latest)"),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runNAT(c, t, o) }),
	}
}

// natResult is the JSON result of nat.
type natResult struct {
	Version int    `json:"version"`
	Out     string `json:"out"`
	List    string `json:"list"` // the front, as a list of models
	nat.Outcome
}

// read reads flags that are more than a value, and the arguments.
func (o *natOptions) read(c *cli.Context) (err error) {
	if o.Artifact, err = one(c, "a file of a supernet"); err != nil {
		return err
	}
	switch {
	case o.Dir == "":
		return usagef("name the run folder with --out")
	case len(o.images.data) != 1:
		return usagef("name the labelled images that subnets are evaluated on with --data val=PATH, once")
	case o.images.calibrate == "":
		return usagef("name images that the supernet was trained on with --calibrate train=PATH: each subnet's batch norms are recalibrated on some")
	case strings.ContainsAny(o.Artifact, "\r\n"):
		return usagef("%q: a path with a line break cannot be in a list", o.Artifact)
	}
	if c.IsSet("preset") {
		given := o.Settings
		if o.Settings, err = nat.Paper(o.preset); err != nil {
			return usagef("--preset %w", err)
		}
		for name, flag := range map[string]func(){
			"iterations":            func() { o.Iterations = given.Iterations },
			"start":                 func() { o.Start = given.Start },
			"candidates":            func() { o.Candidates = given.Candidates },
			"search":                func() { o.Search = given.Search },
			"scale":                 func() { o.Scale = given.Scale },
			"surrogate-evaluations": func() { o.Evaluations = given.Evaluations },
			"interpolants":          func() { o.Interpolants = given.Interpolants },
			"seed":                  func() { o.Seed = given.Seed },
			"average":               func() { o.Average = given.Average },
		} {
			if c.IsSet(name) {
				flag()
			}
		}
	}
	if err := o.Check(); err != nil {
		return usagef("--%w", err)
	}
	o.images.Seed = o.Seed
	if err := o.images.readImages(); err != nil {
		return err
	}
	return o.readTraining(c)
}

// readTraining reads how the weights are trained.
func (o *natOptions) readTraining(c *cli.Context) error {
	s := &o.training
	if s.Epochs == 0 {
		for _, name := range []string{"average", "rate", "crop", "shift", "flip", "cutmix", "randaugment"} {
			if c.IsSet(name) {
				return usagef("--%s is of training, and nothing is trained without --epochs", name)
			}
		}
		return nil
	}
	if s.Augment.Shift > 0 {
		if c.IsSet("crop") {
			return usagef("--shift takes the place of --crop: give one of them")
		}
		s.Augment.Crop = 0
	}
	s.Seed, s.Precision = o.Seed, o.images.Precision
	if err := s.Check(); err != nil {
		return usageError{err}
	}
	return nil
}

// trainer opens what trains the weights.
func (o *natOptions) trainer(c *cli.Context, classes []string, progress func(tuning.Progress)) (*tuning.Trainer, error) {
	images := &o.images.Options
	return tuning.Open(c.Context, tuning.Request{
		Options: tuning.Options{Settings: o.training, Device: images.Device, Threads: images.Threads, Progress: progress},
		File:    o.Artifact, Data: images.Calibrate, Library: images.Shim, Python: images.Python, Log: images.Log,
	}, classes, o.Dir)
}

func runNAT(c *cli.Context, t *terminal, o *natOptions) error {
	if err := o.read(c); err != nil {
		return err
	}
	meta, err := export.ReadMeta(o.Artifact)
	if err != nil {
		return err
	}
	if o.Space, err = meta.Space(); err != nil {
		return fmt.Errorf("%s: %w", o.Artifact, err)
	}
	// Before anything that takes time.
	if o.Folder, err = nat.Take(o.Dir); err != nil {
		return err
	}
	defer o.Folder.Leave()
	t.noteNAT(o)
	images := &o.images.Options
	images.Log = func(note string) { t.err.Notef("%s", note) }
	reading := t.err.Progress("reading all images once", "images")
	images.Progress = func(p ingest.Progress) { reading.Update(p.Done, p.Total, p.Split) }
	evaluator, err := ingest.NewEvaluator(c.Context, o.Artifact, *images)
	reading.Stop()
	if err != nil {
		return err
	}
	defer evaluator.Close()
	o.Facts = evaluator.Facts()
	var trained *dataset.Set
	var training func(tuning.Progress)
	if o.training.Epochs > 0 {
		trainer, err := o.trainer(c, evaluator.ClassNames(), func(p tuning.Progress) { training(p) })
		if err != nil {
			return err
		}
		defer trainer.Close()
		o.Trainer, trained = trainer, trainer.Images()
		o.Facts = append(o.Facts, trainer.Facts()...)
	}
	if n := evaluator.Overlap(trained); n > 0 {
		t.err.Warnf("%s of --data are among those of --calibrate: name others, or errors are those of images that the supernet was trained on", plural(n, "image", "images"))
	}
	if n, _ := evaluator.Images(); n < enoughImages {
		t.err.Notef("on %s an accuracy of 90 %% is known to %.1f points either way, so that what is best is partly luck; the ENCAS paper took 10,000 or more", plural(n, "image", "images"), 196*math.Sqrt(0.09/float64(n)))
	}
	o.Evaluator, o.Line = evaluator, ingest.Line
	progress := t.err.Progress("searching", "subnets")
	var last nat.Progress
	training = func(p tuning.Progress) {
		progress.Update(int64(last.Done), int64(last.Total), fmt.Sprintf("iteration %d/%d, training, epoch %d/%d, loss %.3f", last.Iteration, last.Of, p.Epoch, p.Epochs, p.Loss))
	}
	o.Progress = func(p nat.Progress) {
		last = p
		progress.Update(int64(p.Done), int64(p.Total), fmt.Sprintf("iteration %d/%d, %s", p.Iteration, p.Of, p.Doing))
	}
	found, err := nat.Run(c.Context, o.Options)
	progress.Stop()
	if err != nil && c.Context.Err() != nil && found != nil {
		return fmt.Errorf("the same command continues, with %s evaluated: %w", plural(found.Subnets, "subnet", "subnets"), c.Context.Err())
	}
	if err != nil {
		return err
	}
	result := natResult{1, o.Dir, filepath.Join(o.Dir, nat.FrontFile), *found}
	return t.give(result, func() { t.showNAT(&result) })
}

// noteNAT says what a run does otherwise than one might think.
func (t *terminal) noteNAT(o *natOptions) {
	switch {
	case o.preset == "cifar" && o.training.Epochs == 0:
		t.err.Notef("the paper trains the weights in each iteration; here they stay as they are; --epochs 5 --average 20 does as the paper does")
	case o.preset == "cifar" && o.Average == 0:
		t.err.Notef("the paper averages the weights of the last 20 iterations in the end; --average 20 does, now or later")
	}
	if split := o.images.Data[0].Split; split == "test" || split == "search" {
		t.err.Warnf("--data %s=: subnets are chosen by these images, so that they are of no use as the split %s of cascades over these subnets; take others, such as val", split, split)
	}
}

func (t *terminal) showNAT(r *natResult) {
	table := new(ui.Table).Right("gflops", "accuracy", "iteration").Shrink("genome")
	for _, p := range r.Front {
		table.Row(ui.Number(p.GFLOPs), percent(1-p.Error), fmt.Sprint(p.Iteration), p.Genome)
	}
	t.out.Table(table)
	first, last := r.Curve[0], r.Curve[len(r.Curve)-1]
	t.out.Printf("\n%s evaluated; %s, hypervolume %.4f after the start and %.4f at the end\n",
		plural(r.Subnets, "subnet", "subnets"), plural(len(r.Front), "is not beaten by another", "are not beaten by others"), first.Hypervolume, last.Hypervolume)
	if a := r.Average; a != nil {
		t.out.Printf("with the average of the weights of the last %s, hypervolume %.4f; the front is of these weights\n", plural(a.Iterations, "iteration", "iterations"), a.Hypervolume)
	}
	t.out.Printf("(reference: error %s, %s gflops, %s cost).\n", percent(r.Reference.Error), ui.Number(r.Reference.GFLOPs), r.Reference.Scale)
	t.out.Printf("%s is a list for 'encas-zoo ingest'.\n", r.List)
}
