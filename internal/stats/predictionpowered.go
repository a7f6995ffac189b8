package stats

import "math"

// Scored are labelled samples: how many a classifier answers correctly, and the sums of a
// score, any number that may tell on which. In the formulas b is 1 on a correct answer,
// else 0, and f is the score.
type Scored struct {
	Samples  int
	Correct  int
	Scores   float64 // Σ f
	Squares  float64 // Σ f²
	Products float64 // Σ b·f
}

// Estimate is an accuracy and its standard error.
type Estimate struct{ Accuracy, StandardError float64 }

// Mean returns the share of correct answers.
func (s Scored) Mean() Estimate {
	n, share := float64(s.Samples), float64(s.Correct)/float64(s.Samples)
	return Estimate{share, math.Sqrt(share * (1 - share) / n)}
}

// PredictionPowered estimates the accuracy of a classifier on samples like these, some
// labelled and others, whose Correct and Products do not count, not:
//
//	mean_l(b) + λ (mean_u(f) - mean_l(f)),   λ = cov_l(b, f) / var(f) / (1 + n/N)
//
// with n labelled samples l and N others u. Whatever the score, this is unbiased but for a
// term of order 1/n, and λ makes its variance, var_l(b-λf)/n + λ² var_u(f)/N, least
// (Angelopoulos, Duchi, Zrnic: PPI++: Efficient prediction-powered inference, 2023,
// section 6, after Angelopoulos et al.: Prediction-powered inference, 2023). It returns
// false if that is no smaller than the variance of the mean.
func PredictionPowered(labelled, unlabelled Scored) (Estimate, bool) {
	n, others := float64(labelled.Samples), float64(unlabelled.Samples)
	plain := labelled.Mean()
	meanL, meanU := labelled.Scores/n, unlabelled.Scores/others
	mean := (labelled.Scores + unlabelled.Scores) / (n + others)
	variance := (labelled.Squares+unlabelled.Squares)/(n+others) - mean*mean
	if !(variance > 0) {
		return plain, false
	}
	covariance := labelled.Products/n - plain.Accuracy*meanL
	lambda := covariance / variance / (1 + n/others)
	varianceB := plain.Accuracy * (1 - plain.Accuracy)
	varianceL, varianceU := labelled.Squares/n-meanL*meanL, unlabelled.Squares/others-meanU*meanU
	squared := (varianceB-2*lambda*covariance+lambda*lambda*varianceL)/n + lambda*lambda*varianceU/others
	e := Estimate{plain.Accuracy + lambda*(meanU-meanL), math.Sqrt(max(0, squared))}
	e.Accuracy = min(1, max(0, e.Accuracy))
	return e, e.StandardError < plain.StandardError
}
