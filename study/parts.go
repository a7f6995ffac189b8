package study

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/shell"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// MergeOptions are those of Merge; all others are those of the parts.
type MergeOptions struct {
	Dir     string        // run folder; "": a new one in ./runs
	Force   bool          // replace an earlier run in Dir
	Time    time.Duration // from the start on, about, but joining is not cut short; 0: no limit
	Memory  int64         // MiB; 0: the search's default
	Threads int           // 0: all processors
}

// Merge joins what parts of a search of the zoo ([Options.Shards]) have found, and writes a run folder
// as Search does. If all parts are there the front is that of a search that was not cut, and all is
// done with it that the options of the parts ask for.
func Merge(ctx context.Context, z *zoo.Zoo, p *Parts, o MergeOptions, w Watch) (*Found, error) {
	for _, dir := range p.dirs {
		if sameFolder(dir, o.Dir) {
			return nil, fmt.Errorf("%s is a part, which must not be replaced: name another folder for the merged front", o.Dir)
		}
	}
	options, err := p.options()
	if err != nil {
		return nil, err
	}
	options.Dir, options.Force, options.Time, options.Memory, options.Threads = o.Dir, o.Force, o.Time, o.Memory, o.Threads
	s, err := newSearch(ctx, z, options, p, w)
	if err != nil {
		return nil, err
	}
	if s.inputs() != p.first.Run.Inputs {
		return nil, fmt.Errorf("%s was searched in a zoo with other outputs, samples or costs than %s has now: name a zoo that is as it was with --zoo, or search the parts again", p.first.Dir, z.Dir())
	}
	s.run.Joined, s.search.Join = p.dirs, p.states()
	return s.do(ctx)
}

// sameFolder reports whether two paths, of which the second may be that of nothing, are of one folder.
func sameFolder(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// Parts are run folders of parts of one search.
type Parts struct {
	first   report.Source
	dirs    []string
	reading string // the one whose state is being read
}

// First returns the first of the run folders.
func (p *Parts) First() report.Source { return p.first }

// ReadParts reads run folders, which must be of parts of one search. Those of searches that have not
// written what they found, because they run or were killed, are left out, and w is warned of them.
func ReadParts(dirs []string, w Watch) (*Parts, error) {
	p := new(Parts)
	for _, dir := range dirs {
		if front.Begun(dir) {
			w.warn("%s is left out: its search has not written what it found; if it was stopped, --resume %s goes on", dir, shell.Word(dir))
			continue
		}
		part, err := readPart(dir)
		if err == nil && len(p.dirs) > 0 {
			err = sameSearch(part, p.first)
		}
		if err != nil {
			return nil, err
		}
		if len(p.dirs) == 0 {
			p.first = part
		}
		p.dirs = append(p.dirs, dir)
	}
	if len(p.dirs) == 0 {
		return nil, errors.New("there is no part to merge that has written what it found")
	}
	return p, nil
}

func hasFile(dir, file string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}

// readPart reads the run folder of a part.
func readPart(dir string) (part report.Source, err error) {
	f, err := front.ReadFront(dir)
	if err != nil {
		return part, err
	}
	run, err := front.ReadRun(dir)
	switch {
	case err != nil:
		return part, err
	case len(run.Joined) > 0:
		return part, fmt.Errorf("%s is what was merged of parts: name the parts themselves", dir)
	case f.Parts == nil:
		return part, fmt.Errorf("%s is no part of a search: it was made without --shard", dir)
	case len(f.Parts.Searched) != 1:
		return part, fmt.Errorf("%s is of %d parts, and should be of one", dir, len(f.Parts.Searched))
	case !hasFile(dir, front.StateFile):
		return part, fmt.Errorf("%s lacks its file %s, without which a part cannot be joined: search it again, with --force", dir, front.StateFile)
	}
	return report.Source{Dir: dir, Front: f, Run: run}, nil
}

// sameSearch reports how the search that a part is of differs from that of the first one.
func sameSearch(p, first report.Source) error {
	differ := func(format string, args ...any) error {
		return fmt.Errorf("%s is a part of another search than %s: %s; leave one of them out", p.Dir, first.Dir, fmt.Sprintf(format, args...))
	}
	a, b := p.Front, first.Front
	switch {
	case a.Parts.Of != b.Parts.Of:
		return differ("it is one of %d parts, not of %d", a.Parts.Of, b.Parts.Of)
	case a.Zoo.Classes != b.Zoo.Classes:
		return differ("it has %d classes, not %d", a.Zoo.Classes, b.Zoo.Classes)
	case a.Split != b.Split:
		return differ("it is on the %d samples of the split %s, not on the %d of %s", a.Split.Samples, a.Split.Name, b.Split.Samples, b.Split.Name)
	case a.Cost != b.Cost:
		return differ("its cost is %s, not %s", a.Cost, b.Cost)
	case !slices.Equal(a.Grid, b.Grid):
		return differ("it has other thresholds (--grid)")
	case p.Run.Seed != first.Run.Seed:
		return differ("it has --seed %d, not %d", p.Run.Seed, first.Run.Seed)
	case searchedOf(a) != searchedOf(b):
		return differ("%d samples of the split %s were searched, not %d (--search-samples)", searchedOf(a), a.Split.Name, searchedOf(b))
	}
	if text := otherModels(a.Models, b.Models); text != "" {
		return differ("%s", text)
	}
	if text := otherOptions(p.Run.Options, first.Run.Options); text != "" {
		return differ("%s", text)
	}
	if p.Run.Inputs != first.Run.Inputs {
		return differ("its models have other outputs")
	}
	return nil
}

// searchedOf returns the number of samples that a front was searched on.
func searchedOf(f *front.Front) int {
	if d := f.Drawn(); d != nil {
		return d.Samples
	}
	return f.Split.Samples
}

// otherModels says how the models of a search differ from those of another one; "" if they do not.
func otherModels(models, others []front.Model) string {
	known := make(map[string]front.Model, len(others))
	for _, m := range others {
		known[m.Name] = m
	}
	for _, m := range models {
		other, ok := known[m.Name]
		switch {
		case !ok:
			return fmt.Sprintf("it has the model %q, too", m.Name)
		case m.Cost != other.Cost:
			return fmt.Sprintf("the model %q costs %g, not %g", m.Name, m.Cost, other.Cost)
		case m.Correct != other.Correct:
			return fmt.Sprintf("the model %q has other outputs", m.Name)
		}
		delete(known, m.Name)
	}
	for _, m := range others {
		if _, left := known[m.Name]; left {
			return fmt.Sprintf("it has not the model %q", m.Name)
		}
	}
	return ""
}

// otherOptions names the first option, of those that the front depends on, that differs between two
// runs; "" if none does. Models and thresholds are compared as such.
func otherOptions(options, others any) string {
	a, _ := options.(map[string]any)
	b, _ := others.(map[string]any)
	names := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains([]string{"models", "grid", "dominate", "time", "memory"}, name) && !reflect.DeepEqual(meaning(name, a[name]), meaning(name, b[name])) {
			word := func(value any) string {
				text, err := json.Marshal(value)
				if err != nil || value == nil {
					return "nothing"
				}
				return strings.Trim(string(text), `"`)
			}
			return fmt.Sprintf("its --%s is %.200s, not %.200s", strings.ReplaceAll(name, "_", "-"), word(a[name]), word(b[name]))
		}
	}
	return ""
}

// meaning returns the same for what means the same as the value of an option.
func meaning(option string, value any) any {
	text, isText := value.(string)
	names, isList := value.([]any)
	switch {
	case option == "rule" && isText:
		if rules, err := parseRules(text); err == nil {
			return rules
		}
	case option == "include" && isList:
		return slices.SortedFunc(slices.Values(names), func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return value
}

// options returns the options of the search, as far as its front depends on them.
func (p *Parts) options() (Options, error) {
	o := Defaults()
	text, err := json.Marshal(p.first.Run.Options)
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		return o, fmt.Errorf("the options in %s: %w", filepath.Join(p.first.Dir, front.RunFile), err)
	}
	o.Split, o.Seed, o.thresholds = p.first.Run.Split, p.first.Run.Seed, p.first.Front.Grid
	return o, nil
}

// models returns the models of the search.
func (p *Parts) models(z *zoo.Zoo) (models []zoo.Model, err error) {
	for _, m := range p.first.Front.Models {
		model, err := z.Model(m.Name)
		if err != nil {
			return nil, fmt.Errorf("%s was searched with a model that the zoo lacks: %w; import it again as it was, or name a copy of the zoo with --zoo", p.first.Dir, err)
		}
		models = append(models, model)
	}
	return models, nil
}

// states yields what the parts have found.
func (p *Parts) states() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, p.reading = range p.dirs {
			if !yield(front.ReadState(p.reading)) {
				return
			}
		}
	}
}

// inputs is a hash of what is searched: samples, models, their outputs and costs.
func (s *search) inputs() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %q %q\n", s.zoo.Classes(), s.split.Fingerprint, s.options.Cost)
	for _, m := range slices.SortedFunc(slices.Values(s.models), func(a, b zoo.Model) int { return cmp.Compare(a.Name, b.Name) }) {
		fmt.Fprintf(h, "%q %v %v %s\n", m.Name, s.costs[m.Name], m.Answers, m.Splits[s.split.Name].SHA256)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
