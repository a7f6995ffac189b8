from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

import encas_zoo
from encas_zoo import Cascade, CascadeClassifier, Stage

FAST = {"algorithm": "exact", "max_models": 2}


def small(**more):
    return CascadeClassifier(
        estimators=[("tree", DecisionTreeClassifier(max_depth=3, random_state=0)), ("lr", LogisticRegression(max_iter=300))],
        **{"costs": {"tree": 1, "lr": 5}, "cv": 3, "search_options": FAST, **more},
    )


def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=0.4, random_state=1, stratify=y)


@pytest.mark.filterwarnings("ignore")
def test_check_estimator():
    """All checks that apply; the one on array_api is skipped by scikit-learn itself."""
    results = check_estimator(small(), on_fail=None)
    assert len(results) > 45
    assert [r for r in results if r["status"] == "failed"] == []
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {"check_array_api_input"}


def test_twelve_classifiers():
    """Accuracy and cost are as promised: exactly on the samples searched, and within their uncertainty on others."""
    pool, X, pool_y, y = digits()
    train, held, train_y, held_y = train_test_split(pool, pool_y, test_size=0.5, random_state=2, stratify=pool_y)
    scaled = StandardScaler
    estimators = {
        "tree_4": (DecisionTreeClassifier(max_depth=4, random_state=0), 4), "tree_9": (DecisionTreeClassifier(max_depth=9, random_state=0), 9),
        "bayes": (GaussianNB(), 640), "logistic": (make_pipeline(scaled(), LogisticRegression(max_iter=500)), 650),
        "linear": (LinearSVC(random_state=0, max_iter=5000), 650), "forest_10": (RandomForestClassifier(10, random_state=0), 80),
        "forest_100": (RandomForestClassifier(100, random_state=0), 900), "extra_30": (ExtraTreesClassifier(30, random_state=0), 300),
        "boosting": (GradientBoostingClassifier(n_estimators=10, max_depth=2, random_state=0), 200), "mlp": (MLPClassifier((32,), max_iter=150, random_state=0), 2400),
        "svm": (SVC(random_state=0, probability=False), 40_000), "neighbours": (KNeighborsClassifier(3), 45_000),
    }
    fitted = {name: e.fit(train, train_y) for name, (e, _) in estimators.items()}
    costs = {name: c for name, (_, c) in estimators.items()}
    model = CascadeClassifier(estimators=fitted, costs=costs, max_cost=3000, cv="prefit", search_options={"evals": 30_000}).fit(held, held_y)
    c = model.cascade_
    on_held = model.answers(held)
    assert on_held.correct(held_y).sum() == c.searched.correct and tuple(on_held.reach) == c.searched.reach and on_held.mean_cost == c.searched.cost <= 3000

    got = model.answers(X)
    promised = c.expected
    spread = 3 * np.sqrt(promised.accuracy * (1 - promised.accuracy) / len(y) + ((promised.high - promised.low) / 4) ** 2)
    assert abs(model.score(X, y) - promised.accuracy) < spread
    assert model.score(X, y) == got.accuracy(y)
    assert got.mean_cost == pytest.approx(c.searched.cost, rel=0.25)
    assert model.score(X, y) >= max(fitted[m].score(X, y) for m, cost in costs.items() if cost <= 1000) - spread


def test_fit_is_a_search_on_cross_validated_predictions():
    X, _, y, _ = digits()
    words = np.array([f"digit {c}" for c in range(10)])
    a = small(max_cost=4.5).fit(X, words[y])
    b = small(max_cost=4.5).fit(X, words[y])
    assert a.cascade_.text == b.cascade_.text and a.cascade_.searched.cost <= 4.5
    assert list(a.classes_) == list(words) and set(a.predict(X)) <= set(words) and a.n_features_in_ == 64
    assert set(a.estimators_) == set(a.cascade_.models) and a.costs_ == {"tree": 1.0, "lr": 5.0}
    p = a.predict_proba(X)
    assert np.allclose(p.sum(axis=1), 1) and (a.classes_[p.argmax(axis=1)] == a.predict(X)).all()
    assert (pickle.loads(pickle.dumps(a)).predict(X) == a.predict(X)).all()
    assert small(min_accuracy=0.6).fit(X, y).cascade_.expected.accuracy >= 0.6
    with pytest.raises(ValueError, match="the cheapest costs 1"):
        small(max_cost=0.5, search_options={**FAST, "max_cost": 100}).fit(X, y)
    with pytest.raises(encas_zoo.InputError, match="the cost limit is 0.5, and the cheapest model, \"tree\", costs 1"):
        small(max_cost=0.5).fit(X, y)


def test_limits_that_contradict_each_other():
    X, _, y, _ = digits()
    with pytest.raises(encas_zoo.InputError, match="max_cost=3 and search_options={'max_cost': 100} contradict"):
        small(max_cost=3, min_accuracy=0.6, search_options={**FAST, "max_cost": 100}).fit(X, y)
    for options in (FAST, {**FAST, "max_cost": 3}):
        assert small(max_cost=3, min_accuracy=0.6, search_options=options).fit(X, y).cascade_.searched.cost <= 3


def test_a_model_that_is_never_in_doubt_is_named():
    X, _, y, _ = digits()
    forest = RandomForestClassifier(20, random_state=0)

    def fit(*first, costs=(1, 100)):
        names = [f"m{i}" for i in range(len(first))] + ["forest"]
        return CascadeClassifier(estimators=list(zip(names, [*first, forest])), costs=dict(zip(names, costs)), cv=3, search_options=FAST).fit(X, y)

    with pytest.warns(UserWarning, match="'m0' cannot tell which samples to pass on to another model.*limit a tree") as warned:
        model = fit(DecisionTreeClassifier(random_state=0))
    assert model.cascade_.models == ["forest"] and [w.filename for w in warned] == [__file__]
    with pytest.warns(UserWarning, match="'m0' and 'm1' cannot tell.*CalibratedClassifierCV") as warned:
        fit(DecisionTreeClassifier(random_state=0), KNeighborsClassifier(1), costs=(1, 2, 100))
    assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert any(len(c.models) == 2 for c in fit(DecisionTreeClassifier(max_depth=5, random_state=0)).front_)
        fit(costs=(100,))  # there is no other model
        fit(DecisionTreeClassifier(random_state=0), costs=(200, 1))  # nor a reason to ask one


def test_costs_are_measured():
    X, _, y, _ = digits()
    model = small(costs="time").fit(X, y)
    assert model.costs_["tree"] > 0 and model.front_.cost_unit == "cost"


def test_a_cascade_that_was_found_already():
    X, held, y, held_y = digits()
    tree, lr = DecisionTreeClassifier(max_depth=3).fit(X, y), LogisticRegression(max_iter=500).fit(X, y)
    cascade = Cascade((Stage("tree", 1, 0.9, 1), Stage("lr", 2, None, 5)), "last")
    for estimators in ({"tree": tree, "lr": lr}, [("tree", tree), ("lr", lr)]):
        model = CascadeClassifier(cascade, estimators)
        want = cascade.predict({"tree": tree.predict_proba(held), "lr": lr.predict_proba(held)})
        assert (model.predict(held) == want).all() and model.score(held, held_y) == (want == held_y).mean()
        assert model.fit(X, y) is model and not hasattr(model, "cascade_") and not hasattr(model, "front_")
        assert model.n_features_in_ == 64 and (model.predict(held) == want).all()
    with pytest.raises(ValueError, match="needs an estimator 'lr'"):
        CascadeClassifier(cascade, {"tree": tree}).predict(held)
    with pytest.raises(ValueError, match="different classes"):
        CascadeClassifier(cascade, {"tree": tree, "lr": LogisticRegression(max_iter=500).fit(X, y % 3)}).predict(held)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        CascadeClassifier(cascade, {"tree": tree, "lr": LogisticRegression()}).predict(held)
    with pytest.raises(ValueError, match="do not know"):
        CascadeClassifier(cascade, {"tree": tree, "lr": lr}).fit(X, y + 1)


def test_as_any_other_estimator():
    X, _, y, _ = digits()
    model = small(max_cost=4)
    assert model.get_params()["tree__max_depth"] == 3
    deeper = clone(model).set_params(tree__max_depth=5, lr=LogisticRegression(C=0.1, max_iter=300))
    assert dict(deeper.estimators)["tree"].max_depth == 5 and dict(deeper.estimators)["lr"].C == 0.1
    named = CascadeClassifier(estimators=dict(model.estimators), costs={"tree": 1, "lr": 5}, cv=3, search_options=FAST)
    named.set_params(tree__max_depth=2, lr__C=0.5)
    assert named.estimators["tree"].max_depth == 2 and named.estimators["lr"].C == 0.5
    grid = GridSearchCV(model, {"tree__max_depth": [2, 4]}, cv=2).fit(X, y)
    assert grid.best_score_ > 0.6
    assert cross_val_score(make_pipeline(StandardScaler(), small()), X, y, cv=2).min() > 0.7


@pytest.mark.parametrize("more,words", [
    ({"estimators": None}, "there are no estimators"), ({"costs": {"tree": 1}}, "no cost of 'lr'"), ({"costs": "money"}, "mapping, or 'time'"),
    ({"estimators": [("a", LogisticRegression()), ("a", LogisticRegression())]}, "one name"),
])
def test_refusals(more, words):
    X, _, y, _ = digits()
    parameters = {"estimators": small().estimators, "costs": {"tree": 1, "lr": 5}, **more}
    with pytest.raises(ValueError, match=words):
        CascadeClassifier(**parameters).fit(X, y)


def test_probabilities_where_there_are_none():
    """A classifier without predict_proba votes."""
    X, held, y, held_y = digits()
    estimators = [("linear", LinearSVC(random_state=0, max_iter=5000)), ("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(random_state=0))]
    model = CascadeClassifier(estimators=estimators, costs={"linear": 3, "bayes": 1, "tree": 1}, cv=3, search_options={"evals": 3000}).fit(X, y)
    assert {c.rule for c in model.front_ if "linear" in c.models and len(c.stages) > 1} <= {"last", "vote"}
    assert model.score(held, held_y) > 0.8
    assert encas_zoo.CascadeClassifier is CascadeClassifier
