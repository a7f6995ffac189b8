package importer

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/npy"
)

// The layout of the published ENCAS code: one folder a run of a supernet, in it a
// folder for each split.
//
//	output_distrs_<split>[_<variant>]/<i>.npy.gz   float16 softmax outputs [N, C] of network i
//	output_distrs_<split>[_<variant>]/info.json    flops (millions of multiply-adds), cfgs or
//	                                               net_names, <split> (accuracy in percent)
//
// Labels are elsewhere, in files such as labels_imagenet_val20683.npy.
const (
	outputsPrefix = "output_distrs_"
	outputsSuffix = ".npy.gz"
	labelsPrefix  = "labels"
)

// An encasLayout is what the given paths hold.
type encasLayout struct {
	held   *held
	nets   []*supernet
	labels []labelsFile
}

// A supernet is the networks of one run.
type supernet struct {
	run     string // the run's folder
	variant string // such as _swa20: outputs of averaged weights
	name    string // given by the user, or found by nameSupernets
	splits  map[string]*folder
}

// A labelsFile is a file that may hold the labels of a split.
type labelsFile struct {
	folder *folder
	file   string
	split  string // from its folder; "" if the file's name has it
}

// openENCAS opens runs of the published code. A path is the folder of a run, one of
// its output_distrs folders, or a file of labels; NAME=PATH names the supernet.
func openENCAS(paths []string, _ OpenOptions, s *Source) error {
	l := encasLayout{held: &s.held}
	for _, path := range paths {
		name := ""
		if before, after, ok := strings.Cut(path, "="); ok {
			if _, err := os.Lstat(path); err != nil {
				name, path = before, after
			}
		}
		if err := l.add(name, filepath.Clean(path)); err != nil {
			return err
		}
	}
	if len(l.nets) == 0 {
		return fmt.Errorf("%s: no models: there is no folder %s<split> with outputs", paths[0], outputsPrefix)
	}
	if err := l.nameSupernets(); err != nil {
		return err
	}
	return l.load(s)
}

// add finds out what a path is and takes what it holds.
func (l *encasLayout) add(name, path string) error {
	dir, base := filepath.Split(path)
	if isLabels(base) {
		f, err := openFolder(filepath.Clean(dir), l.held)
		if err != nil {
			return err
		}
		l.labels = append(l.labels, labelsFile{folder: f, file: base})
		return nil
	}
	f, err := openFolder(path, l.held)
	if err != nil {
		return err
	}
	if strings.HasPrefix(base, outputsPrefix) {
		return l.addOutputs(name, filepath.Dir(path), base, f)
	}
	found := false
	for _, file := range f.files {
		if isLabels(file) {
			l.labels = append(l.labels, labelsFile{folder: f, file: file})
			found = true
		}
	}
	for _, d := range f.dirs {
		if !strings.HasPrefix(d, outputsPrefix) {
			continue
		}
		sub, err := f.sub(d, l.held)
		if err != nil {
			return err
		}
		if err := l.addOutputs(name, path, d, sub); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return fmt.Errorf("%s has no folder %s<split>: name the folder of a run, which holds them", path, outputsPrefix)
	}
	return nil
}

// addOutputs takes the folder of one split of a run.
func (l *encasLayout) addOutputs(name, run, dir string, f *folder) error {
	split, variant := strings.TrimPrefix(dir, outputsPrefix), ""
	if i := strings.IndexByte(split, '_'); i >= 0 {
		split, variant = split[:i], split[i:]
	}
	if split == "" {
		return fmt.Errorf("%s: the folder's name does not say which split it is: %s<split>", f.path, outputsPrefix)
	}
	abs, err := filepath.Abs(run)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(l.nets, func(s *supernet) bool { return s.run == abs && s.variant == variant })
	if i < 0 {
		i = len(l.nets)
		l.nets = append(l.nets, &supernet{run: abs, variant: variant, splits: map[string]*folder{}})
	}
	net := l.nets[i]
	if name != "" {
		net.name = name
	}
	if net.splits[split] != nil {
		return fmt.Errorf("%s is given twice", f.path)
	}
	net.splits[split] = f
	if f.has("labels.npy") {
		l.labels = append(l.labels, labelsFile{folder: f, file: "labels.npy", split: split})
	}
	return nil
}

func isLabels(file string) bool {
	return strings.HasPrefix(file, labelsPrefix) && strings.HasSuffix(file, ".npy")
}

// nameSupernets names the supernets that the user did not: after the lowest folder
// of their paths in which they differ. The layout puts them at
// <experiment>/search_algo:<...>/<number>, where only the first is a name.
func (l *encasLayout) nameSupernets() error {
	var runs [][]string
	for _, n := range l.nets {
		path := strings.Split(filepath.ToSlash(n.run), "/")
		slices.Reverse(path)
		if n.name == "" && !slices.ContainsFunc(runs, func(r []string) bool { return slices.Equal(r, path) }) {
			runs = append(runs, path)
		}
	}
	depth := 0
	for ; len(runs) > 0; depth++ {
		seen := map[string]bool{}
		for _, path := range runs {
			if depth >= len(path) || path[depth] == "" {
				return errors.New("the folders' names do not tell the supernets apart: name them, as in alphanet=DIR")
			}
			part := path[depth]
			if _, err := strconv.Atoi(part); err == nil || strings.HasPrefix(part, "search_algo:") {
				break
			}
			seen[part] = true
		}
		if len(seen) == len(runs) {
			break
		}
	}
	for _, n := range l.nets {
		if n.name == "" {
			path := strings.Split(filepath.ToSlash(n.run), "/")
			n.name = path[len(path)-1-depth]
		}
		n.name += n.variant
	}
	return nil
}

// load reads labels and metadata and looks at every output file.
func (l *encasLayout) load(s *Source) error {
	var splits []string
	for _, n := range l.nets {
		for split := range n.splits {
			if !slices.Contains(splits, split) {
				splits = append(splits, split)
			}
		}
	}
	slices.Sort(splits)
	s.Sets = nil
	for _, split := range splits {
		for _, n := range l.nets {
			if n.splits[split] == nil {
				return fmt.Errorf("%s has no %s%s%s, which other runs have: add it, or name the %s folders to import one by one",
					n.run, outputsPrefix, split, n.variant, outputsPrefix)
			}
		}
		set := Set{Name: split}
		if !s.unlabelled {
			if err := l.readLabels(&set, s.names); err != nil {
				return err
			}
		}
		s.Sets = append(s.Sets, set)
	}
	for _, n := range l.nets {
		if err := n.addModels(s, splits); err != nil {
			return err
		}
	}
	return nil
}

// readLabels finds the labels of a split. Where several files could hold them, they
// must agree.
func (l *encasLayout) readLabels(set *Set, names classNames) error {
	for _, file := range l.labels {
		if file.split != set.Name && (file.split != "" || !labelsFor(file.file, set.Name)) {
			continue
		}
		a, err := file.folder.array(file.file)
		if err != nil {
			return err
		}
		labels, err := a.labels(names)
		if err != nil {
			return err
		}
		if err := set.mergeLabels(a.name, labels); err != nil {
			return err
		}
	}
	if set.Labels == nil {
		return fmt.Errorf("no labels for the split %q: put labels_%s.npy into the folder of a run, or add the file that holds them (such as labels_imagenet_%s.npy) to the sources%s", set.Name, set.Name, set.Name, orUnlabelled)
	}
	return nil
}

// labelsFor reports whether a file's name, such as labels_imagenet_val20683.npy,
// says that it holds the labels of a split.
func labelsFor(file, split string) bool {
	parts := strings.Split(strings.TrimSuffix(file, ".npy"), "_")
	return slices.ContainsFunc(parts[1:], func(p string) bool { return strings.TrimRight(p, "0123456789") == split || p == split })
}

// encasInfo is the part of an info.json that is read.
type encasInfo struct {
	file     string
	flops    []float64
	names    []string
	configs  []json.RawMessage
	accuracy []float64
}

func readInfo(f *folder, split string) (*encasInfo, error) {
	opened, size, err := f.open("info.json")
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	info := &encasInfo{file: f.name("info.json")}
	if size > maxTable {
		return nil, fmt.Errorf("%s has %d bytes, far too many for a list of networks", info.file, size)
	}
	data, err := io.ReadAll(opened)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", info.file, err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("%s: it is not valid JSON: %w", info.file, err)
	}
	read := func(key string, into any) error {
		if text, ok := fields[key]; ok {
			if err := json.Unmarshal(text, into); err != nil {
				return fmt.Errorf("%s: %s: %w", info.file, key, err)
			}
		}
		return nil
	}
	err = errors.Join(read("flops", &info.flops), read("net_names", &info.names), read("cfgs", &info.configs), read(split, &info.accuracy))
	if err != nil {
		return nil, err
	}
	n := len(info.flops)
	switch {
	case n == 0:
		return nil, fmt.Errorf("%s has no \"flops\": the list of what each network costs, in millions of multiply-adds", info.file)
	case info.names != nil && len(info.names) != n:
		return nil, fmt.Errorf("%s has %d flops but %d net_names", info.file, n, len(info.names))
	case info.configs != nil && len(info.configs) != n:
		return nil, fmt.Errorf("%s has %d flops but %d cfgs", info.file, n, len(info.configs))
	case info.accuracy != nil && len(info.accuracy) != n:
		return nil, fmt.Errorf("%s has %d flops but %d accuracies (%q)", info.file, n, len(info.accuracy), split)
	}
	for i, v := range info.flops {
		if math.IsInf(v, 0) || v <= 0 {
			return nil, fmt.Errorf("%s: the flops of network %d are %v: a cost must be finite and above 0", info.file, i, v)
		}
	}
	return info, nil
}

// sameNetworks compares the metadata of two splits of a run.
func (i *encasInfo) sameNetworks(o *encasInfo) error {
	if len(i.flops) != len(o.flops) {
		return fmt.Errorf("%s lists %d networks, but %s lists %d", i.file, len(i.flops), o.file, len(o.flops))
	}
	for n := range i.flops {
		same := math.Abs(i.flops[n]-o.flops[n]) <= 1e-6*o.flops[n]
		if i.names != nil && o.names != nil {
			same = same && i.names[n] == o.names[n]
		}
		if i.configs != nil && o.configs != nil {
			same = same && string(i.configs[n]) == string(o.configs[n])
		}
		if !same {
			return fmt.Errorf("%s and %s describe different networks: number %d", i.file, o.file, n)
		}
	}
	return nil
}

// addModels adds the networks of a supernet.
func (n *supernet) addModels(s *Source, splits []string) error {
	var infos []*encasInfo
	for _, split := range splits {
		f := n.splits[split]
		info, err := readInfo(f, split)
		if err != nil {
			return err
		}
		infos = append(infos, info)
		if err := info.sameNetworks(infos[0]); err != nil {
			return err
		}
		if have := len(f.stems(outputsSuffix)); have > len(info.flops) {
			return fmt.Errorf("%s holds %d files *%s, but its info.json lists %d networks", f.path, have, outputsSuffix, len(info.flops))
		}
	}
	for i, flops := range infos[0].flops {
		file := strconv.Itoa(i) + outputsSuffix
		m := Model{
			Name: n.name + "/" + strconv.Itoa(i),
			File: n.splits[splits[0]].name(file),
			Columns: map[string]string{
				zoo.ColumnGFLOPs:   strconv.FormatFloat(flops/1000, 'g', -1, 64),
				zoo.ColumnSupernet: n.name,
			},
		}
		if infos[0].names != nil {
			m.Name = infos[0].names[i]
		}
		if infos[0].configs != nil {
			m.Columns[zoo.ColumnConfig] = string(infos[0].configs[i])
		}
		m.Content = func(set int) (string, error) { return n.splits[splits[set]].content("encas", file) }
		for k, split := range splits {
			if infos[k].accuracy != nil {
				m.Columns["accuracy_"+split] = strconv.FormatFloat(infos[k].accuracy[i], 'g', -1, 64)
			}
		}
		open := func(set int) (*array, error) { return n.splits[splits[set]].gzipArray(file) }
		if err := s.addArrays(m, open); err != nil {
			return err
		}
	}
	return nil
}

// gzipArray opens a compressed .npy file of the folder.
func (f *folder) gzipArray(file string) (*array, error) {
	opened, _, err := f.open(file)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(opened)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: it is not compressed with gzip: %w", f.name(file), err), opened.Close())
	}
	return newArray(f.name(file), z, npy.Unknown, opened.Close)
}
