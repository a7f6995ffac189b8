// Package optimize searches cascades of classifiers over stored outputs.
//
// It knows the cascades of package cascade in a form made for speed, which rests on one
// property: all samples that reach a stage have seen the same models, so confidence and
// prediction at a stage depend only on the set of models so far. One byte a sample (its
// bin among the grid's thresholds and whether the prediction is correct) is all that a
// search needs to know of a set, and one pass over those bytes solves all thresholds of a
// chain at once.
//
// No result depends on vector widths or on the number of threads, and a cascade does here
// exactly what its definition says, as far as the models' lists have the classes that
// matter.
//
// [Search] makes a run of one of the [Algorithms]. Its parts:
//
//   - An evaluator has the problem's tables, and a worker for each thread evaluates
//     cascades with them, in caches of its own.
//   - An archive keeps the cheapest cascade for every number of correct answers: the whole
//     front. Of equal cascades it keeps the one that needs least to be deployed.
//   - The run cuts an algorithm's work into units, gives them to the workers, merges what
//     they find, reports progress, and saves checkpoints that it can be resumed from.
//
// An exact search can be cut into parts ([Options.Shards]) that other processes search, and what
// they find be joined ([Options.Join]).
package optimize
