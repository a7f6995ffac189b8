package front

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func certificate() *Certificate {
	return &Certificate{
		Version: Version, Zoo: Zoo{"f00d", 10}, Searched: Split{Name: "search", Samples: 400, Fingerprint: "beef"}, Split: Split{Name: "cal", Samples: 500, Fingerprint: "cafe"},
		Cost: "gflops", Confidence: 0.9, Claim: Claim{Margin: new(0.005)},
		Reference:  ReferenceModel{Model: "big", Cost: 4, CorrectSearched: 390, Correct: 480, Accuracy: 0.96},
		Candidates: 9,
		Tested: []Tested{
			{Number: 7, Text: "a@0.9,big", Correct: 481, Samples: 500, Accuracy: 0.962, Cost: 2, Saving: 0.5, OnlyCascade: 2, OnlyModel: 1, P: 0.01, Certified: true},
			{Number: 5, Text: "a@0.8,big", Correct: 470, Samples: 500, Accuracy: 0.94, Cost: 1, Saving: 0.75, OnlyModel: 10, P: 0.4},
		},
		Cheapest:  new(0),
		Staircase: []Step{{Margin: 0}, {Margin: 0.02, Certified: 1, Cheapest: &Tested{Number: 7, Text: "a@0.9,big", Correct: 481, Samples: 500, Cost: 2, Certified: true}}},
	}
}

func TestCertificateReadsBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := ReadCertificate(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no certificate: error %v", err)
	}
	if err := WriteCertificate(dir, certificate()); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadCertificate(dir); err != nil || !reflect.DeepEqual(got, certificate()) {
		t.Errorf("%+v comes back (%v)", got, err)
	}
}

// A certificate may come from anybody.
func TestBadCertificates(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Certificate){
		"version 2":              func(c *Certificate) { c.Version = 2 },
		"confidence of 1":        func(c *Certificate) { c.Confidence = 1 },
		"the cheapest is 2 of 2": func(c *Certificate) { c.Cheapest = new(2) },
		"tested of 1":            func(c *Certificate) { c.Candidates = 1 },
		"cascade -1":             func(c *Certificate) { c.Tested[0].Number = -1 },
		"501 correct":            func(c *Certificate) { c.Tested[1].Correct = 501 },
		"at a cost of -2":        func(c *Certificate) { c.Staircase[1].Cheapest.Cost = -2 },
	} {
		dir, c := t.TempDir(), certificate()
		spoil(c)
		if err := WriteCertificate(dir, c); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadCertificate(dir); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), CertifiedFile) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, CertifiedFile), []byte("{\"version\": 1,\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCertificate(dir); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("half a file: error %v", err)
	}
}

func TestHeadline(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Certificate){
		"With 90 % confidence cascade 7 is less than 0.5 points less accurate than big; on the split cal it costs 50 % less than big.": func(*Certificate) {},
		"With 90 % confidence cascade 7 is more accurate than big; on the split cal it costs 50 % less than big.":                      func(c *Certificate) { c.Claim.Margin = new(0.0) },
		"With 90 % confidence cascade 7 answers less than 5 % wrong, is more than 80 % accurate in every class and costs less than 2.5 gflops.": func(c *Certificate) {
			c.Claim, c.Tested[0].Saving = Claim{Error: 0.05, WorstClass: 0.8, MaxCost: 2.5}, -0.1
		},
		"Nothing can be certified: no cascade of the front is cheaper than big.": func(c *Certificate) {
			c.Cheapest, c.Tested, c.Candidates = nil, nil, 0
		},
		"Nothing can be certified that is cheaper than big on the split cal.": func(c *Certificate) { c.Cheapest = nil },
		"Nothing can be certified with so few samples: the split cal has 500; about 1200 would do to show that a cascade is less than 0.5 points less accurate than big.": func(c *Certificate) {
			c.Cheapest, c.Tested, c.Needed = nil, c.Tested[1:], 1200
		},
		"Nothing can be certified, and more samples would hardly help: on the split cal even the most promising cascade falls short.": func(c *Certificate) {
			c.Cheapest, c.Tested = nil, c.Tested[1:]
		},
	} {
		c := certificate()
		change(c)
		if got := c.Headline(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
