from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import subprocess

import numpy as np
import pytest
from conftest import shared, softmax

import encas_zoo
from encas_zoo import _program


def program(*args):
    done = subprocess.run([str(encas_zoo.program()), *map(str, args), "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def cifar():
    pandas = pytest.importorskip("pandas")
    folder = shared("cifar10")
    models = pandas.read_csv(folder / "models.csv")
    outputs = {m: np.load(folder / f"{m}.npy") for m in models.name}
    return folder, models, outputs, np.load(folder / "labels.npy")


@pytest.mark.parametrize("options", [{"algorithm": "exact", "max_models": 2}, {"evals": 30_000, "max_cost": 0.3}], ids=str)
def test_the_front_is_the_program_s(tmp_path, options):
    """29 classifiers of CIFAR-10: bit for bit, and so are the answers behind it."""
    folder, models, outputs, labels = cifar()
    search = np.arange(10_000) < 5_000
    front = encas_zoo.search({m: o[search] for m, o in outputs.items()}, labels[search], models, test=({m: o[~search] for m, o in outputs.items()}, labels[~search]), **options)

    zoo, run = tmp_path / "zoo", tmp_path / "run"
    program("import", "--zoo", zoo, "--format", "npy", "--split", "search=0:5000", "--split", "test=5000:10000", folder)
    flags = [str(x) for k, v in options.items() for x in ("--" + k.replace("_", "-"), v)]
    theirs = program("optimize", "--zoo", zoo, "--out", run, *flags)
    mine = front.json["front"]
    assert mine["cascades"] == theirs["front"]["cascades"] and len(front) > 20
    assert mine["models"] == theirs["front"]["models"] and mine["cost"] == "gflops"
    tested = program("evaluate", "--zoo", zoo, "--split", "test", run)["cascades"]
    for c, t in zip(front, tested, strict=True):
        assert c.test.correct == t["correct"] and c.test.cost == t["cost"] and c.test.interval == tuple(t["accuracy_95"])

    # Answers, against the program's counts and the definition.
    for number in (0, len(front) // 2, len(front) - 1):
        c = front[number]
        a = c.answers({m: o[search] for m, o in outputs.items()})
        assert tuple(a.reach) == c.searched.reach and a.correct(labels[search]).sum() == c.searched.correct and a.mean_cost == c.searched.cost
        a = c.answers({m: lambda rows, o=outputs[m]: o[5_000 + rows] for m in c.models}, n=5_000)
        assert tuple(a.reach) == c.test.reach and a.correct(labels[~search]).sum() == c.test.correct
        out = tmp_path / f"{number}.csv"
        program("evaluate", "--zoo", zoo, "--split", "test", "--pick", number, "--answers", out, run)
        a.ids = [str(i) for i in range(5_000, 10_000)]
        a.to_csv(tmp_path / "mine.csv")
        assert program("diff", "--tolerance", 0, out, tmp_path / "mine.csv")["differ"] == 0
    for option, flag in [({"within": 0.1}, ["--within", 0.1]), ({"min_accuracy": 0.95}, ["--min-accuracy", 0.95]), ({}, ["--pick", "best"]), ({"pick": "cheapest"}, ["--pick", "cheapest"])]:
        assert front.best(**option).number == program("export", *flag, run)["number"]


def test_front(front, toy):
    assert [c.searched.cost for c in front] == sorted(c.searched.cost for c in front)
    assert front[-1].expected.low <= front[-1].expected.accuracy <= front[-1].expected.high
    assert front[0].test.n == front.n == 300 and front.cost_unit == "cost"
    assert [c.number for c in front[:2]] == [0, 1] and list(front)[3] is front[3]
    with pytest.raises(encas_zoo.InputError, match="the cheapest costs 1"):
        front.best(within=0.5)
    with pytest.raises(ValueError, match="exclude each other"):
        front.best(within=1, min_accuracy=0.5)
    assert front.best(within=10).searched.cost <= 10
    # Whoever prints it sees what to expect wherever there is an accuracy on what was searched.
    for text in (repr(front), repr(front[2])):
        assert re.search(r"expected on other samples.*on (those searched|test)", text, re.S)
    again = pickle.loads(pickle.dumps(front))
    assert [c.text for c in again] == [c.text for c in front] and again.best(within=10) == front.best(within=10)
    with pytest.raises(RuntimeError, match="search again"):
        again.certified(toy.outputs, toy.labels)


def test_to_pandas(front):
    pytest.importorskip("pandas")
    frame = front.to_pandas()
    assert len(frame) == len(front) and (frame.expected_low <= frame.expected).all() and (frame.cost == sorted(frame.cost)).all()
    assert frame.test[3] == front[3].test.accuracy and frame.cascade[3] == front[3].text


def test_plot(front):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    ax = front.plot()
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    assert "cascades, expected on other samples" in labels and ax.get_xlabel() == "mean cost of a sample (cost)"
    assert front.plot(ax) is ax


def test_certified(toy):
    from conftest import Toy

    big = Toy(3000)
    front = encas_zoo.search({m: o[:1000] for m, o in big.outputs.items()}, big.labels[:1000], big.costs, algorithm="exact", max_models=2)
    rest = {m: o[1000:] for m, o in big.outputs.items()}
    certificate = front.certified(rest, big.labels[1000:], margin=3)
    assert certificate.cascades and certificate.cheapest in list(front) and certificate.confidence == 0.9
    assert all(t.measured.n == 2000 for t in certificate) and certificate.reference in repr(certificate)
    c = certificate[0].cascade
    assert c.answers(rest).correct(big.labels[1000:]).sum() == certificate[0].measured.correct
    with pytest.warns(UserWarning, match="neither is a test") as warned, pytest.raises(encas_zoo.InputError, match="same samples"):
        front.certified({m: o[:1000] for m, o in big.outputs.items()}, big.labels[:1000])
    assert warned[0].filename == __file__
    assert "margin 3 points" in repr(certificate)
    with pytest.warns(UserWarning, match="neither is a test"):
        wrong = front.certified(rest, big.labels[1000:], error=0.4)
    assert wrong.json["claim"] == {"error": 0.4} and "error 0.4" in repr(wrong)
    with pytest.warns(UserWarning, match="neither is a test"), pytest.raises(encas_zoo.InputError, match="give one"):
        front.certified(rest, big.labels[1000:], error=0.4, margin=1)
    with pytest.raises(encas_zoo.InputError, match="no outputs of 'm0'"):
        front.certified({"m1": rest["m1"]}, big.labels[1000:])


def test_logits_are_the_same_models(toy):
    half = {m: softmax(z).astype(np.float16) for m, z in toy.logits.items()}
    a = encas_zoo.search(toy.logits, toy.labels, toy.costs, logits=True, algorithm="exact", max_models=2)
    b = encas_zoo.search(half, toy.labels, toy.costs, algorithm="exact", max_models=2)
    assert [c.text for c in a] == [c.text for c in b]
    best = a.best()
    got = best.answers(toy.logits, logits=True)
    assert got.correct(toy.labels).sum() == best.searched.correct and tuple(got.reach) == best.searched.reach
    assert (best.answers({m: toy.logits[m] if m == best.models[0] else half[m] for m in best.models}, logits=[best.models[0]]).stage == got.stage).all()


def test_what_is_taken(toy):
    pandas = pytest.importorskip("pandas")
    names = np.array(["ant", "bee", "cat", "dog", "elk"])
    options = {"algorithm": "exact", "max_models": 2}
    want = encas_zoo.search(toy.outputs, toy.labels, toy.costs, **options)
    texts = [c.text for c in want]
    wide = {m: o.astype(np.float64) for m, o in toy.outputs.items()}
    for outputs, labels, costs, more in [
        (toy.outputs, list(toy.labels), pandas.Series(toy.costs), {}),
        ({m: pandas.DataFrame(o) for m, o in toy.outputs.items()}, pandas.Series(toy.labels), pandas.DataFrame({"price": toy.costs}), {}),
        ({m: np.asfortranarray(o) for m, o in toy.outputs.items()}, toy.labels.astype(float), pandas.DataFrame({"price": toy.costs, "size": 1.0}), {"cost": "price"}),
        (toy.outputs, names[toy.labels], toy.costs, {}),
        (toy.outputs, pandas.Series(toy.labels + 1).astype(str).astype("category"), toy.costs, {}),
        (toy.outputs, pandas.Series(names[toy.labels]), toy.costs, {"classes": list(names)}),
        (toy.outputs, toy.labels, toy.costs, {"classes": list(names)}),
        (toy.outputs, toy.labels + 10, toy.costs, {"classes": range(10, 15)}),
        ({m: o[:, ::-1] for m, o in toy.outputs.items()}, names[toy.labels], toy.costs, {"classes": list(names[::-1])}),
    ]:
        f = encas_zoo.search(outputs, labels, costs, **options, **more)
        assert [c.text for c in f] == texts
        assert f.names is None or f.names[0] in ("ant", "elk", "10", "1")
    assert [c.searched for c in encas_zoo.search(wide, toy.labels, toy.costs, **options)] == [c.searched for c in want]
    answers = {m: o.argmax(axis=1) for m, o in toy.outputs.items()}
    assert {c.rule for c in encas_zoo.search(answers, toy.labels, toy.costs, evals=2000) if len(c.stages) > 1} <= {"last", "vote"}
    numbered = encas_zoo.search({m: o.argmax(axis=1) for m, o in toy.outputs.items()}, toy.labels + 10, toy.costs, classes=range(10, 15), evals=2000)
    assert numbered[0].searched == encas_zoo.search(answers, toy.labels, toy.costs, evals=2000)[0].searched
    two = {m: o[:, 1] / o[:, :2].sum(axis=1) for m, o in toy.outputs.items()}
    binary = encas_zoo.search(two, toy.labels == 1, toy.costs, **options)
    assert binary[0].classes == 2 and (binary[0].predict({m: v[:, None] for m, v in two.items()}) <= 1).all()


def test_frames_say_what_their_columns_are(toy):
    pandas = pytest.importorskip("pandas")
    names = np.array(["elk", "ant", "bee", "cat", "dog"])
    options = {"algorithm": "exact", "max_models": 2}
    want = encas_zoo.search(toy.outputs, names[toy.labels], toy.costs, classes=list(names), **options)
    turned = {m: pandas.DataFrame(o, columns=names)[sorted(names)] for m, o in toy.outputs.items()}
    got = encas_zoo.search(turned, names[toy.labels], toy.costs, classes=list(names), **options)
    assert [c.text for c in got] == [c.text for c in want]
    assert (got[-1].predict(turned) == want[-1].predict(toy.outputs)).all()
    backwards = {m: pandas.DataFrame(o).iloc[:, ::-1] for m, o in toy.outputs.items()}
    assert [c.text for c in encas_zoo.search(backwards, toy.labels, toy.costs, **options)] == [c.text for c in want]
    with pytest.raises(ValueError, match="'fox'; give it a column for each class"):
        encas_zoo.search({m: f.rename(columns={"dog": "fox"}) for m, f in turned.items()}, names[toy.labels], toy.costs, **options)
    with pytest.raises(ValueError, match="different indices"):
        encas_zoo.search(backwards, pandas.Series(toy.labels, index=np.arange(600)[::-1]), toy.costs, **options)


@pytest.mark.parametrize("name", ["timm/resnet18", "a.npy", "höhe x", "C:\\x", "n" * 200])
def test_names_of_models(toy, name):
    f = encas_zoo.search({name: toy.outputs["m0"], "b": toy.outputs["m4"]}, toy.labels, {name: 1, "b": 2}, algorithm="exact", max_models=2)
    assert f[0].models == [name] and f.best(within=1).models == [name]


def test_calibrated_outputs(toy, tmp_path):
    """A stage with a temperature does what calibration did to the stored outputs, to the last bit."""
    encas_zoo.search(toy.outputs, toy.labels, toy.costs, algorithm="exact", max_models=1, zoo=tmp_path / "zoo")
    program("zoo", "calibrate", "--zoo", tmp_path / "zoo", "--out", tmp_path / "calibrated")
    program("optimize", "--zoo", tmp_path / "calibrated", "--algorithm", "exact", "--max-models", 2, "--out", tmp_path / "run")
    j = program("export", "--within", 30, tmp_path / "run")
    assert all("temperature" in s for s in j["stages"]) and len(j["stages"]) == 2
    c = encas_zoo.Cascade(tuple(encas_zoo.Stage(s["model"], s["weight"], s.get("threshold"), s["cost"], temperature=s["temperature"]) for s in j["stages"]), j["rule"], j["confidence"])
    program("evaluate", "--zoo", tmp_path / "calibrated", "--split", "search", "--cascade", j["cascade"], "--answers", tmp_path / "a.csv")
    c.answers(toy.outputs).to_csv(tmp_path / "b.csv")
    assert program("diff", "--tolerance", 0, tmp_path / "a.csv", tmp_path / "b.csv")["differ"] == 0


def test_splits(toy):
    options = {"algorithm": "exact", "max_models": 1}
    mask = np.arange(600) % 3 == 0
    f = encas_zoo.search(toy.outputs, toy.labels, toy.costs, test=mask, **options)
    assert f.n == 400 and f[0].test.n == 200
    assert f[0].answers({m: o[mask] for m, o in toy.outputs.items()}).accuracy(toy.labels[mask]) == f[0].test.accuracy
    assert encas_zoo.search(toy.outputs, toy.labels, toy.costs, test=0.25, **options).n == 450
    for bad, words in [(1.5, "between 0 and 1"), (mask[1:], "mask"), (np.ones(600, bool), "no samples"), ((toy.outputs,), "pair"), (({}, toy.labels), "no outputs of 'm0'")]:
        with pytest.raises(ValueError, match=words):
            encas_zoo.search(toy.outputs, toy.labels, toy.costs, test=bad, **options)


def test_folders(toy, tmp_path):
    zoo, out = tmp_path / "zoo", tmp_path / "run"
    f = encas_zoo.search(toy.outputs, toy.labels, toy.costs, algorithm="exact", max_models=2, zoo=zoo, out=out)
    assert program("evaluate", "--split", "search", out)["cascades"][1]["correct"] == f[1].searched.correct
    with pytest.raises(FileExistsError):
        encas_zoo.search(toy.outputs, toy.labels, toy.costs, zoo=zoo)


def test_nothing_is_left_behind(toy, tmp_path, monkeypatch):
    import gc
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    f = encas_zoo.search(toy.outputs, toy.labels, toy.costs, algorithm="exact", max_models=1)
    assert len(list(tmp_path.iterdir())) == 1
    f.best()
    del f
    gc.collect()
    with pytest.raises(ValueError):
        encas_zoo.search(toy.outputs, toy.labels, toy.costs, max_models=-1)
    assert not list(tmp_path.iterdir())


def test_errors_are_about_what_was_passed(toy):
    labels, costs = toy.labels, toy.costs
    nan = {**toy.outputs, "m2": np.where(np.arange(5) == 3, np.nan, toy.outputs["m2"])}
    for outputs, labels, costs, options, kind, words in [
        (toy.logits, labels, costs, {}, encas_zoo.InputError, r"^outputs\['m0'\]: row 0: .*pass logits=True$"),
        ({**toy.outputs, "m1": toy.logits["m1"]}, labels, costs, {}, encas_zoo.InputError, r"^outputs\['m1'\].*pass logits=True. The other models are not like that: .* for all models$"),
        ({m: o / 2 for m, o in toy.outputs.items()}, labels, costs, {}, encas_zoo.InputError, r"^outputs\['m0'\]: row 0: the values sum to 0.5, not 1.*divide each row by its sum: array / "),
        (toy.outputs, labels, costs, {"test": (toy.logits, labels)}, encas_zoo.InputError, r"^test\[0\]\['m0'\]: row 0"),
        (toy.outputs, labels, costs, {"logits": True}, encas_zoo.InputError, "probabilities already.*leave out logits=True"),
        (nan, labels, costs, {}, encas_zoo.InputError, "m2.*row 0.*class 3 is NaN"),
        (toy.outputs, labels, {**costs, "m1": -1}, {}, encas_zoo.InputError, "m1"),
        (toy.outputs, labels, {"m0": 1}, {}, encas_zoo.InputError, "no cost of 'm1' and 3 other models"),
        (toy.outputs, labels, 3, {}, ValueError, "mapping"),
        (list(toy.outputs.values()), labels, costs, {}, ValueError, "outputs are a mapping"),
        (toy.outputs, labels, {**costs, "m1": None}, {}, ValueError, "the cost of 'm1' is None"),
        (toy.outputs, np.eye(5)[labels], costs, {}, ValueError, r"labels have the shape \(600, 5\)"),
        (toy.outputs, labels[1:], costs, {}, ValueError, r"'m0' have the shape \(600, 5\), and there are 599 labels"),
        ({}, labels, costs, {}, ValueError, "no models"),
        ({" m": toy.outputs["m0"]}, labels, {" m": 1}, {}, ValueError, "blank"),
        ({"labels": toy.outputs["m0"]}, labels, {"labels": 1}, {}, ValueError, "cannot be called 'labels'"),
        (toy.outputs, labels + 1, costs, {}, encas_zoo.InputError, "^labels: row .*label 5"),
        (toy.outputs, labels, costs, {"test": (toy.outputs, labels + 1)}, encas_zoo.InputError, r"^test\[1\]: row .*label 5"),
        (toy.logits, labels, costs, {"test": np.arange(600) > 300}, encas_zoo.InputError, r"^outputs\['m0'\] on the search samples: row 0"),
        (toy.outputs, labels, costs, {"classes": "abcd"}, ValueError, "class 4, but there are names of 4 classes"),
        (toy.outputs, labels.astype(str), costs, {"classes": ["0", "1", "2", "3", "x"]}, ValueError, "'4' is not one of the 5 classes"),
        (toy.outputs, labels, costs, {"algorithm": "magic"}, encas_zoo.InputError, "algorithm.*magic"),
        (toy.outputs, labels, costs, {"max_cost": 0.1}, encas_zoo.InputError, 'the cost limit is 0.1, and the cheapest model, "m0", costs 1$'),
        (toy.outputs, labels, costs, {"max_worst_cost": 0.1}, encas_zoo.InputError, "the limit on the worst-case cost is 0.1"),
        (toy.outputs, labels, costs, {"min_accuracy": 0.9999}, encas_zoo.InputError, "reaches an accuracy of 0.9999"),
        (toy.outputs, labels, costs, {"include": ["m4"], "max_cost": 2}, encas_zoo.InputError, "the models it must have"),
    ]:
        with pytest.raises(kind, match=words) as error:
            encas_zoo.search(outputs, labels, costs, **{"algorithm": "exact", "max_models": 1, **options})
        assert "/tmp" not in str(error.value) and not re.search("--|\\.npz|save|the cost is cost", str(error.value))
    with pytest.raises(encas_zoo.InputError):  # though the program has said why already
        encas_zoo.search(toy.outputs, toy.labels, toy.costs, max_cost=0.1, verbose=True)


def test_notes_are_logged(toy, caplog):
    """Those before an error, too, of which they are no part."""
    for max_cost in (None, 0.1):
        caplog.clear()
        with caplog.at_level("INFO", "encas_zoo"), contextlib.suppress(encas_zoo.InputError):
            encas_zoo.search(toy.outputs, toy.labels, toy.costs, algorithm="exact", max_models=1, max_cost=max_cost)
        assert any(r.name == "encas_zoo" and "the cost is cost" in r.message for r in caplog.records)
        assert not any(r.message.startswith(("error", "optimize")) for r in caplog.records)


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_what_the_program_says(tmp_path, monkeypatch, caplog):
    said, ends = tmp_path / "said", tmp_path / "program"
    monkeypatch.setenv("ENCAS_ZOO_BIN", str(ends))
    for text, code, kind, error in [
        ("one: two\nwarning: b\nerror: a: x\nand: y\n\nwarning: z\nRun 'x --help' for usage.\n", 1, encas_zoo.ProgramError, "a: x\nand: y\nwarning: z"),
        ("one: two\nerror: a\n", 2, encas_zoo.InputError, "a"),
        ("one: two\npanic\n", 1, encas_zoo.ProgramError, "one: two\npanic"),
        ("", 1, encas_zoo.ProgramError, f"{ends} ended with 1"),
    ]:
        said.write_text(text)
        ends.write_text(f"#!/bin/sh\ncat {said} >&2\nexit {code}\n")
        ends.chmod(0o755)
        caplog.clear()
        with caplog.at_level("INFO", "encas_zoo"), pytest.raises(encas_zoo.ProgramError) as got:
            _program.run([])
        assert type(got.value) is kind and str(got.value) == error
        assert [r.message for r in caplog.records][:1] == (["one: two"] if text else [])
    ends.write_text("#!/bin/sh\nkill -9 $$\n")
    with pytest.raises(encas_zoo.ProgramError) as got:
        _program.run([], inputs=True)
    assert not isinstance(got.value, ValueError)  # it was stopped, and no input was refused


def test_python_m(toy):
    import sys

    done = subprocess.run([sys.executable, "-m", "encas_zoo", "version"], capture_output=True, text=True)
    assert done.returncode == 0 and "encas-zoo" in done.stdout
    assert subprocess.run([sys.executable, "-m", "encas_zoo", "optimise"], capture_output=True).returncode == 2


def test_the_program_that_is_run(monkeypatch, tmp_path):
    monkeypatch.setenv("ENCAS_ZOO_BIN", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="ENCAS_ZOO_BIN"):
        encas_zoo.program()
