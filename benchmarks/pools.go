package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/benchmarks/holdout"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// runPools compares what groups of the models of a zoo, and cascades of them, are worth on
// samples that were not searched, with what all of its models are, or with one of the groups.
func runPools(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("benchmarks pools", flag.ContinueOnError)
	dir := flags.String("zoo", "", "`folder` of the zoo")
	by := flags.String("by", zoo.ColumnSupernet, "`column` whose values part the models")
	var lists []holdout.List
	flags.Func("list", "`NAME=FILE`, a list of models: compare the models of lists, instead; once for each list", func(v string) error {
		name, file, ok := strings.Cut(v, "=")
		if !ok {
			return errors.New("it is NAME=FILE")
		}
		if slices.ContainsFunc(lists, func(l holdout.List) bool { return l.Name == name }) {
			return errors.New("there is a list of this name already")
		}
		lists = append(lists, holdout.List{Name: name, Path: file})
		return nil
	})
	against := flags.String("against", "", "`NAME` of the list that the others are compared with (default: the last)")
	cost := flags.String("cost", study.DefaultCost, "`column` of the models that is their cost")
	cascades := flags.Bool("cascades", true, "search cascades of their models, too")
	splits := flags.Int("splits", 10, "`number` of random splits into halves")
	threads := flags.Int("threads", 2, "`number` of threads")
	outDir := flags.String("out", ".", "`folder` for pools.md, pools.json and pools.svg")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *against != "" && len(lists) == 0 {
		return errors.New("-against is of lists: give some with -list")
	}
	if *dir == "" || flags.NArg() > 0 {
		return errors.New("pools takes flags only, and needs -zoo (see -help)")
	}
	var pools []holdout.Pool
	var err error
	if len(lists) > 0 {
		*against = cmp.Or(*against, lists[len(lists)-1].Name)
		pools, err = holdout.OpenLists(ctx, *dir, *cost, lists)
		if err == nil && !slices.ContainsFunc(pools, func(p holdout.Pool) bool { return p.Name == *against }) {
			err = fmt.Errorf("-against %s: there is no such list", *against)
		}
	} else {
		pools, err = holdout.OpenPools(ctx, *dir, *by, *cost)
	}
	if err != nil {
		return err
	}
	var results []holdout.PoolResult
	methods := []holdout.Method{holdout.Methods(1)[0]}
	if *cascades {
		methods = append(methods, holdout.DefaultMethod(*threads))
	}
	err = holdout.ComparePools(ctx, pools, methods, *splits, func(r holdout.PoolResult) {
		results = append(results, r)
		what := "models"
		if r.Cascades {
			what = "cascades"
		}
		fmt.Fprintf(out, "split %d, %s of %s: hypervolume %.4f log, %.4f linear; deployed error %.2f %% log, %.2f %% linear\n",
			r.Split, what, r.Pool, r.HypervolumeLog, r.HypervolumeLinear, 100*r.Log, 100*r.Linear)
	})
	if err != nil {
		return err
	}
	var table, picture bytes.Buffer
	if len(lists) > 0 {
		holdout.WriteAgainst(&table, results, *against)
	} else {
		holdout.WritePools(&table, results)
	}
	fmt.Fprintf(out, "\n%s", table.Bytes())
	if err := holdout.DrawPools(&picture, pools, results, axis(*cost)); err != nil {
		return err
	}
	data, err := json.MarshalIndent(results, "", " ")
	if err != nil {
		return err
	}
	return errors.Join(
		atomicfile.WriteFile(filepath.Join(*outDir, "pools.md"), table.Bytes()),
		atomicfile.WriteFile(filepath.Join(*outDir, "pools.svg"), picture.Bytes()),
		atomicfile.WriteFile(filepath.Join(*outDir, "pools.json"), append(data, '\n')),
	)
}

// axis is the title of an axis of costs.
func axis(cost string) string {
	if cost == zoo.ColumnGFLOPs {
		cost = "GFLOPs"
	}
	return cost + " a sample"
}
