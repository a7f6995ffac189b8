"""A cascade of scikit-learn's classifiers as one of them."""

from __future__ import annotations

import time
import warnings
from typing import Any, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

try:
    from sklearn.base import ClassifierMixin, clone
    from sklearn.model_selection import check_cv, cross_val_predict
    from sklearn.preprocessing import LabelEncoder
    from sklearn.utils import assert_all_finite, get_tags
    from sklearn.utils.metaestimators import _BaseComposition
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as missing:
    raise ImportError("CascadeClassifier needs scikit-learn 1.6 or later: pip install 'encas-zoo[sklearn]'") from missing

from ._cascade import Answers, Cascade
from ._program import InputError
from ._search import search


class CascadeClassifier(ClassifierMixin, _BaseComposition):
    """A cascade of classifiers: each sample is answered by the first that is confident enough.

    There are two ways to make one:

    - ``CascadeClassifier(estimators=[("tree", tree), ("forest", forest)], costs={...}).fit(X, y)``
      predicts the training samples by cross-validation, searches cascades on these
      predictions, chooses one, and fits its estimators on all samples;
    - ``CascadeClassifier(cascade, estimators={"tree": fitted_tree, ...})`` uses a cascade that
      was found already, and estimators that are fitted: it predicts as it is.

    Args:
        cascade: the cascade; None: ``fit`` searches one.
        estimators: classifiers by name, a list of pairs or a mapping. One without
            ``predict_proba`` votes with its answers.
        costs: what a sample costs on each estimator, a mapping from names to numbers of any
            unit; ``"time"``: the seconds that it takes to predict, measured by ``fit``, so that
            two calls may choose differently.
        max_cost: choose the most accurate cascade that costs at most so much on average.
        min_accuracy: choose the cheapest cascade that is at least so accurate on other samples,
            by what is expected. Without both: the cheapest that is likely to be about as accurate
            as the best single estimator, or else the most accurate.
        cv: folds of the cross-validation, as in ``StackingClassifier``; ``"prefit"``: the estimators are
            fitted already, on other samples than those that ``fit`` gets.
        search_options: more options of ``encas_zoo.search``, such as ``{"time": 10}``.
        n_jobs: processors for the cross-validation.
        random_state: the seed of the search, an integer.

    Attributes:
        classes_: the labels, [C].
        cascade_: the cascade that was chosen.
        front_: the front it was chosen from, if it was searched.
        estimators_: the fitted estimators of the cascade, by name.
        costs_: the costs, by name, if it was searched.
        n_features_in_, feature_names_in_: as everywhere.
    """

    def __init__(
        self,
        cascade: Cascade | None = None,
        estimators: Sequence[tuple[str, Any]] | Mapping[str, Any] | None = None,
        *,
        costs: Mapping[str, float] | str = "time",
        max_cost: float | None = None,
        min_accuracy: float | None = None,
        cv: Any = None,
        search_options: Mapping[str, Any] | None = None,
        n_jobs: int | None = None,
        random_state: int = 1,
    ):
        self.cascade = cascade
        self.estimators = estimators
        self.costs = costs
        self.max_cost = max_cost
        self.min_accuracy = min_accuracy
        self.cv = cv
        self.search_options = search_options
        self.n_jobs = n_jobs
        self.random_state = random_state

    # Parameters of the estimators are tree__max_depth and so on.

    @property
    def _pairs(self) -> list[tuple[str, Any]]:
        if isinstance(self.estimators, Mapping):
            return list(self.estimators.items())
        return list(self.estimators) if isinstance(self.estimators, (list, tuple)) else []

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns the parameters and, if ``deep``, those of the estimators."""
        return self._get_params("_pairs", deep=deep)

    def set_params(self, **params: Any) -> "CascadeClassifier":
        """Sets parameters, also those of estimators, ``name__parameter``."""
        if isinstance(self.estimators, Mapping):
            own = {k: v for k, v in params.items() if k in self.estimators}
            if own:
                self.estimators = {**self.estimators, **own}
            super().set_params(**{k: v for k, v in params.items() if k not in own})
        else:
            self._set_params("estimators", **params)
        return self

    def fit(self, X: Any, y: Any) -> "CascadeClassifier":
        """Searches a cascade and fits its estimators.

        With a cascade that was given the estimators are fitted already, and only the labels are
        checked.

        Args:
            X: samples, whatever the estimators take.
            y: labels, [N].

        Raises:
            InputError: (a ValueError) no cascade is within ``max_cost`` or ``min_accuracy``, for example.
        """
        options = self._options()
        self._validate(X, reset=True)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        pairs = self._checked_pairs()
        if self.cascade is not None:
            strange = np.setdiff1d(y, self.classes_)
            if len(strange):
                raise ValueError(f"y has the label {strange[0]!r}, which the fitted estimators do not know")
            return self
        if self.cv == "prefit":
            self._classes = _same_classes(pairs)
            strange = np.setdiff1d(y, self._classes)
            if len(strange):
                raise ValueError(f"y has the label {strange[0]!r}, which the fitted estimators do not know")
            numbers = np.searchsorted(self._classes, y)
        else:
            encoder = LabelEncoder().fit(y)
            self._classes, numbers = encoder.classes_, encoder.transform(y)
            if len(self._classes) < 2:
                raise ValueError("there is nothing to classify: y has only one class")
        outputs, fitted = self._outputs(pairs, X, numbers)
        costs = self._measure(fitted, pairs, X, numbers) if isinstance(self.costs, str) else self.costs
        self.costs_ = {name: float(costs[name]) for name, _ in pairs}
        self.front_ = search(outputs, numbers, self.costs_, seed=self.random_state, **options)
        within = self.max_cost if options.get("max_cost") != self.max_cost else None  # else it is that of the search
        self.cascade_ = self.front_.best(within=within if self.min_accuracy is None else None, min_accuracy=self.min_accuracy)
        self._warn_of_certain(outputs)
        self.estimators_ = {
            name: fitted[name] if name in fitted else clone(estimator).fit(X, self._classes[numbers])
            for name, estimator in pairs
            if name in self.cascade_.models
        }
        return self

    def _options(self) -> dict[str, Any]:
        """Returns the options of the search, among them the limit on the cost."""
        options = dict(self.search_options or {})
        if self.max_cost is not None:
            searched = options.setdefault("max_cost", self.max_cost)
            if self.min_accuracy is not None and searched != self.max_cost:
                raise InputError(
                    f"max_cost={self.max_cost} and search_options={{'max_cost': {searched}}} contradict each other: "
                    "with min_accuracy the search has the only limit on the cost; give one"
                )
        return options

    def _warn_of_certain(self, outputs: Mapping[str, NDArray[Any]]) -> None:
        """Warns if one model was chosen, and it or a cheaper one is never in doubt, which leaves nothing to pass on."""
        if len(self.cascade_.models) > 1 or len(outputs) == 1:
            return
        chosen = self.costs_[self.cascade_.models[0]]
        largest = max(self.costs_.values())
        certain = [name for name, out in outputs.items() if self.costs_[name] <= chosen and self.costs_[name] < largest and _certain(out)]
        if certain:
            warnings.warn(
                f"the cascade is {self.cascade_.models[0]!r} alone, and {' and '.join(map(repr, certain))} cannot tell which samples to pass on to another model, "
                "because every confidence is 1: limit a tree (max_depth=5, or min_samples_leaf=10), "
                "and give a classifier without probabilities some (CalibratedClassifierCV)",
                stacklevel=3,
            )

    def _checked_pairs(self) -> list[tuple[str, Any]]:
        pairs = self._pairs
        names = [name for name, _ in pairs]
        if not pairs:
            raise ValueError("there are no estimators: pass estimators=[(name, classifier), ...]")
        if len(set(names)) != len(names):
            raise ValueError(f"two estimators have one name: {names}")
        self._validate_names(names)
        if isinstance(self.costs, str) and self.costs != "time":
            raise ValueError(f"costs={self.costs!r}: it must be a mapping, or 'time'")
        if self.cascade is None and not isinstance(self.costs, str):
            missing = [name for name in names if name not in self.costs]
            if missing:
                raise InputError(f"there is no cost of {missing[0]!r}")
        return pairs

    def _outputs(self, pairs: Iterable[tuple[str, Any]], X: Any, numbers: NDArray[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns the predictions to search on, and the estimators that are fitted already."""
        if self.cv == "prefit":
            fitted = dict(pairs)
            return {name: _answer(e, X, self._classes) for name, e in fitted.items()}, fitted
        cv = check_cv(self.cv, numbers, classifier=True)
        outputs = {}
        for name, estimator in pairs:
            method = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
            out = cross_val_predict(clone(estimator), X, self._classes[numbers], cv=cv, method=method, n_jobs=self.n_jobs)
            outputs[name] = out if method == "predict_proba" else np.searchsorted(self._classes, out)
        return outputs, {}

    def _measure(self, fitted: dict[str, Any], pairs: Iterable[tuple[str, Any]], X: Any, numbers: NDArray[Any]) -> dict[str, float]:
        """Returns the seconds a sample takes, the least of three times. All estimators are fitted for that."""
        costs = {}
        for name, estimator in pairs:
            if name not in fitted:
                fitted[name] = clone(estimator).fit(X, self._classes[numbers])
            times = []
            for _ in range(3):
                start = time.perf_counter()
                _answer(fitted[name], X, self._classes)
                times.append(time.perf_counter() - start)
            costs[name] = min(times) / len(numbers)
        return costs

    def __sklearn_is_fitted__(self) -> bool:
        return self.cascade is not None or hasattr(self, "cascade_")

    def _fitted(self) -> tuple[Cascade, dict[str, Any]]:
        check_is_fitted(self)
        if self.cascade is not None:
            self._checked_pairs()
            return self.cascade, dict(self._pairs)
        return self.cascade_, self.estimators_

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, [C]."""
        if self.cascade is not None:
            return _same_classes([p for p in self._pairs if p[0] in self.cascade.models])
        if not hasattr(self, "_classes"):
            raise AttributeError("classes_: fit comes first")
        return self._classes

    def answers(self, X: Any) -> Answers:
        """Returns the answer of the cascade to each sample: class, confidence, stage and cost.

        Classes are numbers: places in ``classes_``.
        """
        return self._run(X, want_rows=False)[0]

    def _run(self, X: Any, want_rows: bool) -> tuple[Answers, NDArray[np.float64] | None]:
        cascade, estimators = self._fitted()
        self._validate(X, reset=False)
        classes = self.classes_
        missing = [m for m in cascade.models if m not in estimators]
        if missing:
            raise InputError(f"the cascade needs an estimator {missing[0]!r}; there are {', '.join(map(repr, estimators))}")

        def function(estimator: Any) -> Any:
            return lambda rows: _answer(estimator, rows, classes)

        if not (hasattr(X, "iloc") or hasattr(X, "shape")):
            X = np.asarray(X)
        if hasattr(X, "tocsr"):
            X = X.tocsr()
        if not get_tags(self).input_tags.allow_nan and getattr(getattr(X, "dtype", None), "kind", "") in "fc":
            assert_all_finite(X)  # what only some of the estimators refuse
        return cascade._run({m: function(estimators[m]) for m in cascade.models}, X, None, False, want_rows)

    def predict(self, X: Any) -> NDArray[Any]:
        """Returns the label of each sample, [N]."""
        classes = self.answers(X).classes
        return self.classes_[classes]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Returns the probabilities of the classes, [N, C]: see ``Cascade.predict_proba``. Rows sum to 1."""
        rows = self._run(X, want_rows=True)[1]
        assert rows is not None
        return np.asarray(rows / rows.sum(axis=1, keepdims=True))

    def _validate(self, X: Any, reset: bool) -> None:
        """Keeps, or checks, the number of features and their names; the rest is the estimators' business."""
        if not reset and not hasattr(self, "n_features_in_"):
            return  # a cascade that was given, and never fitted
        if getattr(X, "ndim", 2) == 1 and getattr(X, "dtype", np.dtype(object)).kind in "biufc":
            raise ValueError("Expected 2D array, got 1D array instead. Reshape your data: X.reshape(1, -1) is one sample.")
        validate_data(self, X, reset=reset, skip_check_array=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        try:
            each = [e.__sklearn_tags__() for _, e in self._pairs]
        except (AttributeError, TypeError):
            each = []
        tags.input_tags.sparse = bool(each) and all(t.input_tags.sparse for t in each)
        tags.input_tags.allow_nan = bool(each) and all(t.input_tags.allow_nan for t in each)
        return tags


def _answer(estimator: Any, X: Any, classes: NDArray[Any]) -> NDArray[Any]:
    """Returns what an estimator says of samples: probabilities or, from one without these, the numbers of its answers."""
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X))
    return np.searchsorted(classes, estimator.predict(X))


def _certain(out: NDArray[Any]) -> bool:
    """Reports whether predictions are answers, or probabilities that are all stored as 0 and 1."""
    return out.ndim == 1 or bool((out.max(axis=1).astype(np.float16) == 1).all())


def _same_classes(pairs: Sequence[tuple[str, Any]]) -> NDArray[Any]:
    """Returns the labels that fitted estimators know, which must be the same of all."""
    first: NDArray[Any] | None = None
    for name, estimator in pairs:
        check_is_fitted(estimator)
        if first is None:
            first = estimator.classes_
        elif not np.array_equal(first, estimator.classes_):
            raise ValueError(f"the estimators {pairs[0][0]!r} and {name!r} know different classes")
    if first is None:
        raise ValueError("there are no estimators of this cascade")
    return first
