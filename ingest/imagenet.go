package ingest

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// imagenetText has the WordNet ids of ImageNet's 1,000 classes (ILSVRC 2012), a line each,
// in the order in which every published model has them: that of the ids.
//
//go:embed imagenet.txt
var imagenetText string

// ImageNet returns what ImageNet's 1,000 classes are called by those who number them as
// all published models do: n01440764 and so on.
var ImageNet = sync.OnceValue(func() []string { return strings.Fields(imagenetText) })

// allImageNet reports whether names are WordNet ids of ImageNet's classes.
func allImageNet(names []string) bool {
	for _, name := range names {
		if _, ok := slices.BinarySearch(ImageNet(), name); !ok {
			return false
		}
	}
	return len(names) > 0
}

// imagenetOnly reports whether the names that the data have for classes are ids of some of
// ImageNet's 1,000, not of all: of ImageNet-A, Imagenette, or a few images to try. They show
// which classes these are, and not how many a model has: 1,000 if it is ImageNet's, and as many
// as they are if it was trained on them.
func (r *runner) imagenetOnly() bool {
	says := func(e Entry) bool { return e.Classes != "" && e.Classes != BackgroundFirst }
	if len(r.o.ClassNames) > 0 || slices.ContainsFunc(r.o.Models, says) {
		return false
	}
	found := false
	for _, s := range r.splits {
		names := s.given.ClassNames
		if names == nil {
			continue
		}
		if len(names) >= len(ImageNet()) || !allImageNet(names) {
			return false
		}
		found = true
	}
	return found
}
