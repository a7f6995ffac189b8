package simzoo

import (
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/zoo/calibrate"
)

// A Tops is what the statistics need of a model: its answer and confidence on
// every sample.
type Tops struct {
	Class []uint16
	Value []uint16 // float16
}

// Statistics describe how a set of models behaves together. Shares are in [0, 1].
type Statistics struct {
	Accuracy    Spread // of the models
	ECE         Spread // expected calibration error, 15 bins of equal width
	Agreement   Spread // of pairs of models: share of samples with the same answer
	Correlation Spread // of pairs: Pearson correlation of being wrong
	SameError   Spread // of pairs: share of the same answer where both are wrong
	Oracle      float64
	AllRight    float64

	// OffPublished is the largest distance of a model's accuracy from the published
	// one, in percent points. Write fills it in.
	OffPublished float64
}

// A Spread is the range of a figure.
type Spread struct{ Min, Mean, Max float64 }

func spreadOf(x []float64) Spread {
	if len(x) == 0 {
		return Spread{math.NaN(), math.NaN(), math.NaN()}
	}
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return Spread{slices.Min(x), sum / float64(len(x)), slices.Max(x)}
}

// Describe computes the statistics. Of pairs it takes at most 600, spread over
// all of them.
func Describe(labels []uint16, models []Tops) Statistics {
	n := float64(len(labels))
	wrong := make([]int, len(labels)) // how many models are wrong
	errors := make([]float64, len(models))
	acc := make([]float64, len(models))
	ece := make([]float64, len(models))
	for m, top := range models {
		var reliability calibrate.Reliability
		for i, c := range top.Class {
			if c != labels[i] {
				wrong[i]++
				errors[m]++
			}
			reliability.AddAnswer(top.Value[i], c == labels[i])
		}
		acc[m] = 1 - errors[m]/n
		ece[m] = reliability.Error()
	}
	st := Statistics{Accuracy: spreadOf(acc), ECE: spreadOf(ece)}
	for _, w := range wrong {
		if w < len(models) {
			st.Oracle += 1 / n
		}
		if w == 0 {
			st.AllRight += 1 / n
		}
	}

	var agreement, correlation, same []float64
	pairs := len(models) * (len(models) - 1) / 2
	every, k := max(1, pairs/600), 0
	for a := range models {
		for b := range a {
			if k++; k%every != 0 {
				continue
			}
			var agree, bothWrong, sameWrong float64
			for i, label := range labels {
				ca, cb := models[a].Class[i], models[b].Class[i]
				if ca == cb {
					agree++
				}
				if ca != label && cb != label {
					bothWrong++
					if ca == cb {
						sameWrong++
					}
				}
			}
			agreement = append(agreement, agree/n)
			ea, eb := errors[a]/n, errors[b]/n
			if sd := math.Sqrt(ea * (1 - ea) * eb * (1 - eb)); sd > 0 {
				correlation = append(correlation, (bothWrong/n-ea*eb)/sd)
			}
			if bothWrong > 0 {
				same = append(same, sameWrong/bothWrong)
			}
		}
	}
	st.Agreement, st.Correlation, st.SameError = spreadOf(agreement), spreadOf(correlation), spreadOf(same)
	return st
}
