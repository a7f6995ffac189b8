"""What one answer of each kind of model costs.

Costs are operations for one sample; the zoo states them in 1e9 (GFLOPs in the
sense of the field: one multiply-add = 1). What counts as one operation:

    a multiply-add of a matrix product or a distance; an addition of two values
    a comparison of a feature with a threshold in a tree
    an exponential or power of a kernel or a calibration curve

Not counted, as in the usual tables: biases, activations, pooling by maximum
and the softmax of the output. Scaling pixels to [0, 1] is free because it can
be folded into the first weights.
"""

from functools import singledispatch

from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from catalogue import BlockMean, Prototypes
from convnet import ConvNet


@singledispatch
def measure(model, x):
    """Returns (operations for one sample, numbers stored) of a fitted model; x are samples it answers."""
    raise TypeError(f"no formula for the cost of {type(model).__name__}")


@measure.register(Pipeline)
def _(model, x):
    """The sum over the steps."""
    operations, stored = 0.0, 0
    for _, step in model.steps:
        step_operations, step_stored = measure(step, x)
        operations += step_operations
        stored += step_stored
        if hasattr(step, "transform"):
            x = step.transform(x)
    return operations, stored


@measure.register(SelectKBest)
def _(model, x):
    """Reading fewer pixels is free; the indices are stored."""
    return 0, model.k


@measure.register(BlockMean)
def _(model, x):
    """Every pixel is added once."""
    return x.shape[1], 0


@measure.register(PCA)
def _(model, x):
    """One matrix product; the mean is folded into a bias."""
    return model.components_.size, model.components_.size + model.n_components_


@measure.register(LogisticRegression)
@measure.register(LinearSVC)
@measure.register(LinearDiscriminantAnalysis)
def _(model, x):
    """features x classes."""
    return model.coef_.size, model.coef_.size + model.intercept_.size


@measure.register(QuadraticDiscriminantAnalysis)
def _(model, x):
    """For each class: features differences, features x rank multiply-adds, rank squares."""
    operations = sum(r.shape[0] + r.size + r.shape[1] for r in model.rotations_)
    stored = sum(r.size + r.shape[0] + r.shape[1] + 1 for r in model.rotations_)
    return operations, stored


@measure.register(GaussianNB)
def _(model, x):
    """For each class and feature: one difference, one square, one multiply-add by 1/variance."""
    return 3 * model.theta_.size, 2 * model.theta_.size + len(model.classes_)


@measure.register(BernoulliNB)
def _(model, x):
    """One comparison for each feature, then features x classes."""
    return x.shape[1] + model.feature_log_prob_.size, model.feature_log_prob_.size + len(model.classes_)


@measure.register(Prototypes)
def _(model, x):
    """centres x features, one multiply-add each (|c|^2 - 2cx orders the distances), and one exponential a class."""
    return model.centres_.size + len(model.classes_), model.centres_.size


@measure.register(KNeighborsClassifier)
def _(model, x):
    """training samples x features multiply-adds and one comparison a training sample: brute force."""
    n, d = model.n_samples_fit_, model.n_features_in_
    return n * d + n, n * d + n


@measure.register(SVC)
def _(model, x):
    """support vectors x (features + one exponential or power + classes-1 coefficients)."""
    n, d = model.support_vectors_.shape
    return n * (d + 1 + len(model.classes_) - 1), n * (d + len(model.classes_) - 1)


@measure.register(CalibratedClassifierCV)
def _(model, x):
    """The inner model, and one exponential a class for the calibration curve."""
    (inner,) = model.calibrated_classifiers_
    operations, stored = measure(inner.estimator, x)
    return operations + len(model.classes_), stored + 2 * len(model.classes_)


@measure.register(GaussianProcessClassifier)
def _(model, x):
    """For each class: n training samples x (features + 1) for the kernel, n for the mean and
    n x n / 2 for the triangular solve of the variance."""
    fits = model.base_estimator_.estimators_
    n, d = fits[0].X_train_.shape
    return len(fits) * (n * (d + 1) + n + n * n / 2), n * d + len(fits) * (n + n * n / 2)


def _trees(trees, x, outputs):
    """Comparisons made, averaged over x, and one addition an output and tree; two numbers a split, outputs a leaf."""
    comparisons = sum(t.decision_path(x).sum() for t in trees) / len(x) - len(trees)
    leaves = sum(t.get_n_leaves() for t in trees)
    splits = sum(t.tree_.node_count for t in trees) - leaves
    return comparisons + len(trees) * outputs, 2 * splits + leaves * outputs


@measure.register(DecisionTreeClassifier)
def _(model, x):
    """The comparisons on the way down."""
    operations, stored = _trees([model], x, len(model.classes_))
    return operations - len(model.classes_), stored


@measure.register(RandomForestClassifier)
@measure.register(ExtraTreesClassifier)
def _(model, x):
    """Every tree's comparisons, and adding up the trees' distributions."""
    return _trees(model.estimators_, x, len(model.classes_))


@measure.register(GradientBoostingClassifier)
def _(model, x):
    """Every tree's comparisons, and one addition a tree."""
    return _trees(list(model.estimators_.ravel()), x, 1)


@measure.register(MLPClassifier)
def _(model, x):
    """The sizes of the weight matrices."""
    weights = sum(w.size for w in model.coefs_)
    return weights, weights + sum(b.size for b in model.intercepts_)


@measure.register(ConvNet)
def _(model, x):
    """Output pixels x 9 x channels in x channels out for every layer, and the dense layers."""
    return model.operations(), model.parameters()
