package study

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// A run remembers its zoo: run.json has the folder, and front.json the fingerprint. Whoever
// looks at a run need not name the zoo again; --zoo, where it is given, is another one.

// folderOf returns the folder of a zoo as a run remembers it: where it is whatever the
// working directory, or the name of one that is built in.
func folderOf(z *zoo.Zoo) string {
	if name := example.Name(z); name != "" {
		return name
	}
	if dir, err := filepath.Abs(z.Dir()); err == nil {
		return dir
	}
	return z.Dir()
}

// near returns a folder as a person would write it who is in the working directory.
func near(dir string) string {
	here, err := os.Getwd()
	if err != nil {
		return dir
	}
	if rel, err := filepath.Rel(here, dir); err == nil && filepath.IsAbs(dir) && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return rel
	}
	return dir
}

// ZooOfRun opens the zoo that a run was made with or, if that has moved, the one of other
// folders that is the same. A zoo that has got more models or splits since will do.
func ZooOfRun(ctx context.Context, s report.Source, others []string, w Watch) (*zoo.Zoo, error) {
	if s.Run == nil || s.Run.Zoo == "" {
		return nil, fmt.Errorf("%s does not say which zoo it was made with: name that with --zoo", filepath.Join(s.Dir, front.RunFile))
	}
	own := near(s.Run.Zoo)
	z, err := Open(ctx, own, w)
	if err == nil && z.Fingerprint() == s.Front.Zoo.Fingerprint {
		return z, nil
	}
	for _, dir := range others {
		if other, err := Open(ctx, dir, w); err == nil && other.Fingerprint() == s.Front.Zoo.Fingerprint {
			w.note("the zoo of %s is not as it was in %s: using %s, which is the same", s.Dir, own, dir)
			return other, nil
		}
	}
	also := ""
	if len(others) > 0 && near(others[0]) != own {
		also = fmt.Sprintf(" (nor is it the zoo in %s)", others[0])
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s was made with the zoo in %s, which is not there%s: name it with --zoo", s.Dir, own, also)
	case err != nil:
		return nil, fmt.Errorf("%s was made with the zoo in %s: %w", s.Dir, own, err)
	}
	if lost := lostSince(z, s.Front); lost != "" {
		return nil, fmt.Errorf("%s was made with the zoo in %s, which has changed since: it no longer has %s%s; import it again as it was, or name a copy of the zoo with --zoo", s.Dir, own, lost, also)
	}
	return z, nil
}

// lostSince returns what a zoo lacks of what a front was made of, "" if nothing.
func lostSince(z *zoo.Zoo, f *front.Front) string {
	if split, err := z.Split(f.Split.Name); err != nil || split.Fingerprint != f.Split.Fingerprint {
		return fmt.Sprintf("the samples of the split %s", f.Split.Name)
	}
	for _, p := range f.Points {
		for _, s := range p.Stages {
			if !z.HasModel(s.Model) {
				return fmt.Sprintf("the model %q", s.Model)
			}
		}
	}
	return ""
}

// ReadRun reads a run folder, whose front must not be empty.
func ReadRun(dir string) (report.Source, error) {
	sources, err := ReadRuns([]string{dir})
	if err != nil {
		return report.Source{}, err
	}
	if len(sources[0].Front.Points) == 0 { // of a part of a search
		return report.Source{}, fmt.Errorf("the front in %s is empty", dir)
	}
	return sources[0], nil
}

// SplitToEvaluate returns the split to check a front on if none was named: test, or else one
// that has no samples searched.
func SplitToEvaluate(ctx context.Context, z *zoo.Zoo, f *front.Front) (string, error) {
	if _, err := z.Split(testSplit); err == nil {
		return testSplit, nil
	}
	if s, err := z.Split(f.Split.Name); err == nil {
		if found, err := unseenSplit(ctx, z, s, Watch{}); found != "" || err != nil {
			return found, err
		}
	}
	return testSplit, nil
}

// OnlySplit returns the name of a split if the zoo has it or, if it has not and there is
// just one other, with labels or without, than that of except, the name of that.
func OnlySplit(z *zoo.Zoo, name, except string, unlabelled bool) string {
	only := ""
	for _, s := range z.Splits() {
		switch {
		case s.Name == name:
			return name
		case s.Name == except || s.Unlabelled != unlabelled:
		case only != "":
			return name
		default:
			only = s.Name
		}
	}
	if only == "" {
		return name
	}
	return only
}

// PickCertified is what --pick takes beside [front.PickNames]: the cheapest cascade that certify
// has certified of the run.
const PickCertified = "certified"

// PickNames returns the names of cascades that Picked takes.
func PickNames() []string { return append(front.PickNames(), PickCertified) }

// Picked returns the number of the cascade of a run that is meant.
func Picked(s report.Source, p front.Pick) (int, error) {
	if p.Name != PickCertified {
		return p.Of(s.Front, s.Run.Limits())
	}
	c, err := front.ReadCertificate(s.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("nothing of %s was certified: encas-zoo certify %s", s.Dir, s.Dir)
	case err != nil:
		return 0, err
	case c.Cheapest == nil:
		return 0, errors.New(c.Headline())
	}
	return front.Pick{Name: strconv.Itoa(c.Tested[*c.Cheapest].Number)}.Of(s.Front, s.Run.Limits())
}
