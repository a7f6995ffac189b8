from __future__ import annotations

import csv
import itertools
import pickle
import subprocess
import warnings

import numpy as np
import pytest
from brute import answer

import encas_zoo
from encas_zoo import Cascade, InputError, Stage
from encas_zoo._outputs import at_temperature, probabilities

KINDS = list(itertools.product(["mean", "last", "vote"], ["max", "margin", "entropy"]))


def example(rule, confidence):
    """Stages of three models, one of which comes twice; some samples exit at each."""
    if rule == "vote":  # a model alone is sure, two that differ have 0.5, or 0 of margin
        return Cascade((Stage("m0", 1, 1.0, 1.0), Stage("m1", 1, 0.6, 4.0), Stage("m2", 1, 0.2, 16.0), Stage("m0", 3, None, 1.0)), rule, confidence)
    threshold = {"max": 0.5, "margin": 0.3, "entropy": 0.4}[confidence]
    return Cascade(
        (Stage("m0", 1, threshold, 1.0), Stage("m1", 3, threshold, 4.0), Stage("m0", 1, threshold + 0.1, 1.0), Stage("m3", 2, None, 64.0)),
        rule, confidence,
    )


@pytest.mark.parametrize("rule,confidence", KINDS)
def test_answers_are_those_of_the_definition(toy, rule, confidence):
    c = example(rule, confidence)
    halves = {m: o.astype(np.float16) for m, o in toy.outputs.items()}
    got, rows = c.answers(halves), c.predict_proba(halves)
    assert len(set(got.stage)) >= 2
    for i in range(len(got)):
        cls, conf, stage = answer(c, [halves[s.model][i] for s in c.stages])
        assert (got.classes[i], got.stage[i]) == (cls, stage)
        assert abs(got.confidence[i] - conf) <= (2**-24 if confidence == "entropy" else 0)
        assert rows[i].argmax() == cls
        assert got.cost[i] == sum(s.cost for s in c.stages[:stage])
    assert got.reach[0] == len(got) and got.mean_cost == pytest.approx(got.cost.mean())
    assert (c.predict(halves) == got.classes).all()


@pytest.mark.parametrize("rule,confidence", KINDS)
def test_the_program_gives_the_same_answers(toy, tmp_path, rule, confidence):
    """To the last bit, also of float32 outputs, and of logits."""
    zoo = tmp_path / "zoo"
    encas_zoo.search(toy.outputs, toy.labels, toy.costs, algorithm="greedy", evals=1, zoo=zoo)
    c = example(rule, confidence)
    run = [str(encas_zoo.program()), "evaluate", "--zoo", str(zoo), "--split", "search", "--cascade", c.text, "--answers", str(tmp_path / "program.csv")]
    subprocess.run(run, check=True, capture_output=True)
    c.answers(toy.outputs).to_csv(tmp_path / "python.csv")
    subprocess.run([str(encas_zoo.program()), "diff", "--tolerance", "0", str(tmp_path / "program.csv"), str(tmp_path / "python.csv")], check=True, capture_output=True)


def test_functions_get_only_what_reaches_their_stage(toy):
    c = example("mean", "max")
    want = c.answers(toy.outputs)
    asked = {}

    def model(name):
        def run(rows):
            asked.setdefault(name, []).append(list(rows))
            return toy.outputs[name][rows]

        return run

    some = {m: model(m) for m in c.models}
    got = c.answers(some, n=len(toy.labels))
    assert (got.classes == want.classes).all() and (got.confidence == want.confidence).all()
    assert {m: [len(a) for a in rows] for m, rows in asked.items()} == {"m0": [want.reach[0]], "m1": [want.reach[1]], "m3": [want.reach[3]]}
    assert asked["m3"][0] == list(np.flatnonzero(want.stage == 4))

    # Of whatever holds the samples they get the same kind.
    numbers = np.arange(len(toy.labels))
    pandas = pytest.importorskip("pandas")
    for X, rows in [
        (numbers[:, None], lambda x: x[:, 0]), (list(numbers), list), (pandas.DataFrame({"a": numbers}, index=numbers + 7), lambda x: x.a.to_numpy()),
    ]:
        got = c.answers({m: lambda x, m=m: toy.outputs[m][rows(x)] for m in c.models}, X)
        assert (got.confidence == want.confidence).all()


def test_kinds_of_outputs():
    two = np.array([0.25, 0.75, 1.0])
    want = np.array([[0.75, 0.25], [0.25, 0.75], [0, 1]])
    for values in (two, two[:, None], list(two), two.astype(np.float32), want, want.tolist()):
        assert (probabilities(values, "m") == want).all()
    assert (probabilities(np.array([True, False]), "m") == [[0, 1], [1, 0]]).all()
    assert (probabilities(np.array([2, 0]), "m", classes=3) == [[0, 0, 1], [1, 0, 0]]).all()
    assert (probabilities([0.0], "m", logits=True) == [[0.5, 0.5]]).all()
    assert (probabilities([[0.0, 0.0], [1e9, 0.0]], "m", logits=True) == [[0.5, 0.5], [1, 0]]).all()
    rounded = probabilities(np.array([[0.33, 0.33, 0.33]]), "m")  # divided by the sum, as the program does
    assert (rounded == np.float16(1 / 3)).all()
    for bad, words in [
        ([[0.5, 0.2]], "row 0: the values sum to 0.7"), ([[0.5, 0.5], [3.0, -2.0]], "row 1: .* class 0 is 3.0.*logits=True"),
        ([[0.5, np.nan]], "row 0: the value of class 1 is nan"), (np.zeros((2, 2, 2)), "shape"), (np.array(["a"]), "shape"),
        (np.array([3]), "answers only"),
    ]:
        with pytest.raises(ValueError, match=words):
            probabilities(bad, "m")
    with pytest.raises(ValueError, match="the answer 3, but the classes are 0 to 2"):
        probabilities(np.array([3]), "m", classes=3)


def test_answers_without_probabilities(toy):
    numbers = {m: o.argmax(axis=1) for m, o in toy.outputs.items()}
    stages = (Stage("m0", 1, 1.0), Stage("m1", 1, 0.9), Stage("m2"))
    vote = Cascade(stages, "vote", classes=5)
    assert (vote.predict(numbers) == vote.predict(toy.outputs)).all()
    with pytest.raises(ValueError, match="cannot be averaged"):
        Cascade(stages, classes=5).predict(numbers)


def test_refusals(toy):
    with pytest.raises(InputError, match="the model 'm3'"):
        example("mean", "max").answers({m: toy.outputs[m] for m in ("m0", "m1")})
    with pytest.raises(ValueError, match="pass X, or n"):
        Cascade((Stage("m0"),)).predict({"m0": lambda rows: rows})
    with pytest.raises(ValueError, match="numbers of samples differ"):
        Cascade((Stage("m0", 1, 0.5), Stage("m1"))).predict({"m0": toy.outputs["m0"], "m1": toy.outputs["m1"][1:]})
    with pytest.raises(ValueError, match="returned 1 outputs for 3 samples"):
        Cascade((Stage("m0"),)).predict({"m0": lambda rows: np.ones((1, 2)) / 2}, n=3)
    for stages, words in [
        ((), "at least one stage"), ((Stage("a", 1, 0.5),), "but the last"), ((Stage("a"), Stage("b")), "but the last"),
        ((Stage("a", 0),), "weight 0"), ((Stage("a", 200, 0.5), Stage("b", 100)), "at most 255"), ((Stage("a", 1, 1.5), Stage("b")), "not in"),
        ((Stage(""),), "names no model"),
    ]:
        with pytest.raises(ValueError, match=words):
            Cascade(stages)
    with pytest.raises(ValueError, match="rule"):
        Cascade((Stage("a"),), rule="median")


def test_text(toy, tmp_path):
    c = Cascade((Stage("a", 2, 0.62), Stage("b", 1, 1.0), Stage("c")), "last", "entropy")
    assert str(c) == "entropy:last:a*2@0.62,b@1,c"
    for name in ['a,b', 'a "b"', "a@1", "a*2", "a b", "last:a", "margin:x", "höhe", "tab\there"]:
        c = Cascade((Stage(name, 1, np.float32(0.1)), Stage("plain")))
        zoo = tmp_path / str(len(list(tmp_path.iterdir())))
        outputs = {name: toy.outputs["m0"], "plain": toy.outputs["m4"]}
        f = encas_zoo.search(outputs, toy.labels, {name: 1, "plain": 2}, algorithm="exact", zoo=zoo)
        texts = {k.text for k in f}
        assert texts == {j["cascade"] for j in f.json["front"]["cascades"]}
        assert any(name in k.models for k in f)


def test_temperature_keeps_answers():
    r = np.random.default_rng(1)
    rows = r.dirichlet(np.ones(4) * 30, 20_000).astype(np.float16)
    for t in (0.05, 0.7, 3.0, 20.0):
        assert (at_temperature(rows, t).argmax(1) == rows.argmax(1)).all()
    assert (at_temperature(rows, 1.0) == rows).mean() > 0.99


def test_no_samples():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        none = Cascade((Stage("m0", 1, 0.5, 1.0), Stage("m1", cost=2.0)), classes=3).answers({m: np.zeros((0, 3)) for m in ("m0", "m1")})
        assert len(none) == 0 and list(none.reach) == [0, 0] and np.isnan(none.mean_cost) and np.isnan(none.accuracy([]))
    assert none.correct([]).shape == (0,)


def test_answers_as_a_table(toy, tmp_path):
    c = Cascade((Stage("m0", 1, 0.5, 1.0), Stage("m4", 1, None, 9.0)), names=("a", "b", "c", "d", "e"))
    a = c.answers(toy.outputs)
    a.to_csv(tmp_path / "a.csv")
    with open(tmp_path / "a.csv", newline="") as f:
        lines = list(csv.DictReader(f))
    assert lines[3]["id"] == "3" and lines[3]["name"] == "abcde"[a.classes[3]] and float(lines[3]["confidence"]) == a.confidence[3]
    pytest.importorskip("pandas")
    assert list(a.to_pandas().columns) == ["id", "class", "name", "confidence", "stage", "cost"]
    assert a.accuracy(toy.labels) == (a.classes == toy.labels).mean()
    assert pickle.loads(pickle.dumps(c)) == c
    empty = c.answers({"m0": lambda x: np.zeros((0, 5)), "m4": lambda x: np.zeros((0, 5))}, n=0)
    assert len(empty) == 0
