// Package optimize evaluates and searches cascades of classifiers over stored
// outputs.
//
// A chain is an ordered list of models, a cascade a chain with a threshold
// after every stage but the last. A sample exits at the first stage whose
// confidence lies strictly above the stage's threshold; the cost of a cascade
// is the sum over its stages of the model's cost times the share of samples
// that reach it (Chebykin, Alderliesten, Bosman: Evolutionary Neural Cascade
// Search across Supernetworks, GECCO 2022, section 3).
//
// The package holds the definition twice. [Dense] reads like the definition
// and works on full outputs; it is the referee of every other form. The fast
// form rests on one property: all samples that reach a stage have seen the same
// models, so confidence and prediction at a stage depend only on the set of
// models so far. One byte a sample (its bin among the grid's thresholds and
// whether the prediction is right) is all a search needs to know of a set, and
// one pass over those bytes solves all thresholds of a chain at once.
//
// Outputs are float16, that is integer multiples of 2^-24, and are summed as
// integers: no result depends on the order of summation, on vector widths or
// on the number of threads, and both forms agree bit for bit.
package optimize
