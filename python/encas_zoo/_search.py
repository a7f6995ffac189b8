"""Searching cascades over arrays."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from . import _outputs, _program
from ._front import Front
from ._program import InputError

_RESERVED = ("labels", "ids")  # arrays of a file of outputs that are no model's


def search(
    outputs: Mapping[str, Any],
    labels: Any,
    costs: Any,
    *,
    cost: str | None = None,
    classes: Sequence[Any] | None = None,
    test: Any = None,
    logits: bool = False,
    activation: str | None = None,
    max_cost: float | None = None,
    max_worst_cost: float | None = None,
    min_accuracy: float | None = None,
    max_models: int | None = None,
    algorithm: str | None = None,
    rule: str | Sequence[str] | None = None,
    confidence: str | None = None,
    select: str | None = None,
    effort: str | None = None,
    include: Sequence[str] | None = None,
    evals: int | None = None,
    time: float | str | None = None,
    seed: int = 1,
    threads: int | None = None,
    zoo: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    verbose: bool = False,
) -> Front:
    """Searches the cascades that no other one beats in both accuracy and cost.

    The front is that of ``encas-zoo import`` and ``encas-zoo optimize`` with the same arrays
    and options, bit for bit. It does not depend on ``threads``.

    Args:
        outputs: for each model its outputs on N samples: probabilities, [N, C] of float16,
            float32 or float64; with two classes [N] or [N, 1] of class 1; or [N] of integers,
            the answers of a model that gives nothing else. Arrays, tensors, frames and lists
            will do.
        labels: the class of each sample, [N]: numbers from 0 or, with ``classes``, members of
            that. Labels that are texts are names of classes; without ``classes`` these are
            numbered in the order of the texts, as in scikit-learn.
        costs: what a sample costs on each model, 0 or more, in any unit: a mapping from names,
            a series, or a frame with the names as its index or in a column ``name``, whose
            other columns are kept.
        cost: the column of the frame that is the cost (default: ``gflops``, or the only one of
            numbers).
        classes: names of the classes, from class 0 on.
        test: samples that are not searched, to measure all cascades found on: a pair of outputs
            and labels; or a mask, [N] of booleans, of the samples that are for testing; or the
            share of them that is, between 0 and 1, drawn at random.
        logits: the outputs are logits: softmax is applied (sigmoid to one value a sample).
        activation: what makes probabilities of the outputs: ``softmax``, ``sigmoid``, ``log`` or
            ``none``, as ``--activation``.
        max_cost, max_worst_cost: limits on the mean cost of a sample, and on that of any.
        min_accuracy: the least accuracy of a cascade, from 0 to 1.
        max_models: the longest chain.
        algorithm, rule, confidence, select, effort, include, evals: as the flags of
            ``encas-zoo optimize``.
        time: search for at most so many seconds, or a text such as ``2m``.
        seed: of what is drawn at random.
        threads: processors to use (default: all).
        zoo: a folder, which must not exist, to keep the zoo in (default: it is temporary).
        out: a folder, which must not exist, to keep the run in, for ``encas-zoo report``.
        verbose: let the program show its progress.

    Raises:
        InputError: (a ValueError) outputs that are no probabilities, with the model and the row;
            a model without outputs or a cost; options that cannot be, or limits that no cascade keeps.
        ValueError: arrays that do not fit together.
    """
    for folder in (zoo, out):
        if folder is not None and Path(folder).exists():
            raise FileExistsError(f"{folder} exists: name another folder, or remove it")
    names, numbers = number_classes(labels, classes)
    outputs, masks, other = _split(outputs, labels, numbers, names, test, seed)
    table = _cost_table(outputs, costs)
    work = Path(tempfile.mkdtemp(prefix="encas-zoo-"))
    try:
        _write_table(work / "models.csv", table)
        if names is not None:
            _write_names(work / "classes.txt", names)
        for split, mask in masks.items():
            _import(work, split, outputs, mask, numbers, names, logits, activation, verbose)
        if other is not None:
            _, test_numbers = number_classes(other[1], classes if classes is not None else names)
            rows = {m: _checked(m, o, other[1], names) for m, o in _only(other[0], outputs).items()}
            _import(work, "test", rows, slice(None), test_numbers, names, logits, activation, verbose, arguments=("test[0]", "test[1]"))
        args: list[str | os.PathLike[str]] = ["optimize", "--zoo", work / "zoo", "--split", "search", "--out", work / "run", "--seed", str(seed)]
        options = {
            "cost": cost, "max-cost": max_cost, "max-worst-cost": max_worst_cost, "min-accuracy": min_accuracy,
            "max-models": max_models, "algorithm": algorithm, "rule": rule if rule is None or isinstance(rule, str) else ",".join(rule),
            "confidence": confidence, "select": select, "effort": effort, "evals": evals, "threads": threads,
            "time": time if time is None or isinstance(time, str) else f"{time:.9f}s",
            "include": None if include is None else ",".join(include),
        }
        for name, value in options.items():
            if value is not None:
                args += [f"--{name}", str(value)]
        result = _program.run(args, folder=work, verbose=verbose, inputs=True)
        run = json.loads((work / "run" / "run.json").read_text(encoding="utf-8"))
        run.pop("checksum", None)  # of the file as it was; what is written again has none
        if zoo is not None:
            shutil.copytree(work / "zoo", zoo)
            run["zoo"] = str(Path(zoo).absolute())
            (work / "run" / "run.json").write_text(json.dumps(run), encoding="utf-8")
        if out is not None:
            shutil.copytree(work / "run", out)
        front = Front(result, run, names, work)
        if "test" in masks or other is not None:
            front._with_test(_program.run(["evaluate", "--zoo", work / "zoo", "--split", "test", work / "run"], folder=work))
        return front
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def add_split(
    work: Path, split: str, outputs: Mapping[str, Any], labels: Any, front: Front, *, logits: bool, activation: str | None
) -> None:
    """Adds samples to the temporary zoo of a front."""
    _, numbers = number_classes(labels, front.names)
    wanted = {m.name: None for m in front.models}
    rows = {m: _checked(m, o, labels, front.names) for m, o in _only(outputs, wanted).items()}
    _import(work, split, rows, slice(None), numbers, front.names, logits, activation, False)


def number_classes(labels: Any, classes: Sequence[Any] | None) -> tuple[tuple[str, ...] | None, NDArray[np.int64]]:
    """Returns the names of the classes, if they have any, and the number of each label."""
    array = _outputs.as_array(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"labels have the shape {array.shape}: they must be one class a sample, [N]")
    if classes is None and array.dtype.kind == "f" and (array == np.floor(array)).all():
        array = array.astype(np.int64)
    if classes is None and array.dtype.kind in "iub":
        return None, array.astype(np.int64)
    if classes is None and array.dtype.kind != "U":
        raise ValueError(f"labels are {array.dtype}: they must be numbers of classes, or names")
    known = [_plain(c) for c in (np.unique(array) if classes is None else classes)]
    if len(set(known)) != len(known):
        raise ValueError("classes must differ")
    places = {c: i for i, c in enumerate(known)}
    names = tuple(map(str, known))
    if array.dtype.kind in "iu" and not any(isinstance(c, (int, float)) for c in known):
        return names, array.astype(np.int64)  # numbers of classes that have names
    try:
        return names, np.array([places[_plain(v)] for v in array], np.int64)
    except KeyError as missing:
        raise ValueError(f"the label {missing.args[0]!r} is not one of the {len(known)} classes") from None


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _split(
    outputs: Mapping[str, Any], labels: Any, numbers: NDArray[np.int64], names: Sequence[str] | None, test: Any, seed: int
) -> tuple[dict[str, NDArray[Any]], dict[str, Any], tuple[Mapping[str, Any], Any] | None]:
    """Returns the outputs as arrays, the samples of each split, and other samples to test on."""
    n = len(numbers)
    if not hasattr(outputs, "items"):
        raise ValueError("outputs are a mapping from the models' names to arrays")
    if len(outputs) == 0:
        raise ValueError("there are no models")
    arrays = {_checked_name(m): _checked(m, o, labels, names) for m, o in outputs.items()}
    if test is None:
        return arrays, {"search": slice(None)}, None
    if isinstance(test, tuple):
        if len(test) != 2:
            raise ValueError("test is a pair of outputs and labels, a mask, or a share")
        return arrays, {"search": slice(None)}, test
    if np.ndim(test) == 0:
        if not 0 < float(test) < 1:
            raise ValueError(f"test={test}: a share of the samples is between 0 and 1")
        mask = np.zeros(n, bool)
        mask[np.random.default_rng(seed).permutation(n)[: round(n * float(test))]] = True
    else:
        mask = _outputs.as_array(test)
        if mask.dtype != bool or mask.shape != (n,):
            raise ValueError(f"test is a mask of {mask.dtype}, {mask.shape}: it must be booleans, ({n},)")
    if mask.all() or not mask.any():
        raise ValueError("test leaves no samples to search on, or none to test on")
    return arrays, {"search": ~mask, "test": mask}, None


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"models are named by texts, not {name!r}")
    if name != name.strip():
        raise ValueError(f"the name {name!r} begins or ends with a blank")
    if name in _RESERVED:
        raise ValueError(f"a model cannot be called {name!r}")
    return name


def _checked(model: str, values: Any, labels: Any, names: Sequence[str] | None) -> NDArray[Any]:
    """Returns the outputs of a model as an array with as many rows as there are labels."""
    index, other = getattr(values, "index", None), getattr(labels, "index", None)
    if hasattr(index, "equals") and hasattr(other, "equals") and not index.equals(other):  # type: ignore[union-attr]
        raise ValueError(
            f"the outputs of {model!r} and the labels have different indices: bring them into one order, and pass arrays (.to_numpy())"
        )
    array, n = _outputs.as_array(_outputs.in_order(values, names, model)), len(labels)
    if len(array.shape) not in (1, 2) or len(array) != n:
        raise ValueError(f"the outputs of {model!r} have the shape {array.shape}, and there are {n} labels")
    return array


def _only(outputs: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    missing = [m for m in wanted if m not in outputs]
    if missing:
        raise InputError(f"there are no outputs of {missing[0]!r}" + (f" and {len(missing) - 1} other models" if missing[1:] else ""))
    return {m: outputs[m] for m in wanted}


def _cost_table(outputs: Mapping[str, Any], costs: Any) -> list[dict[str, Any]]:
    """Returns the rows of models.csv."""
    if hasattr(costs, "columns"):  # a frame
        frame = costs if "name" in costs.columns else costs.rename_axis("name").reset_index()
        rows = {str(r["name"]): r for r in frame.to_dict("records")}
        if len(rows) != len(frame):
            raise ValueError("costs have two rows of one name")
    else:
        if not hasattr(costs, "items"):
            raise ValueError("costs are a mapping from the models' names to numbers, a series or a frame")
        rows = {str(name): {"name": name, "cost": _number(name, c)} for name, c in costs.items()}
        if len(rows) != len(costs):
            raise ValueError("costs have two values of one name")
    missing = [m for m in outputs if m not in rows]
    if missing:
        raise InputError(f"there is no cost of {missing[0]!r}" + (f" and {len(missing) - 1} other models" if missing[1:] else ""))
    return [{k: "" if v is None or v != v else v for k, v in rows[m].items()} for m in outputs]


def _number(name: Any, cost: Any) -> float:
    try:
        return float(cost)
    except (TypeError, ValueError):
        raise ValueError(f"the cost of {name!r} is {cost!r}: it must be a number") from None


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.DictWriter(f, list(rows[0]), lineterminator="\n")
        w.writeheader()
        w.writerows({k: repr(float(v)) if isinstance(v, (float, np.floating)) else v for k, v in r.items()} for r in rows)


def _write_names(path: Path, names: Sequence[str]) -> None:
    for name in names:
        if not name.strip() or "\n" in name or "\r" in name:
            raise ValueError(f"{name!r} cannot be the name of a class")
    path.write_text("\n".join(names) + "\n", encoding="utf-8")


def _named(classes: NDArray[Any], names: Sequence[str], what: str) -> NDArray[np.str_]:
    """Returns the names of classes: numbers could be taken for names, if these are numbers."""
    bad = (classes < 0) | (classes >= len(names))
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(f"{what}, row {row}: class {classes[row]}, but there are names of {len(names)} classes (0 to {len(names) - 1})")
    return np.asarray(names, str)[classes]


def _import(
    work: Path, split: str, outputs: Mapping[str, NDArray[Any]], mask: Any, labels: NDArray[np.int64], names: Sequence[str] | None,
    logits: bool, activation: str | None, verbose: bool, arguments: tuple[str, str] = ("outputs", "labels"),
) -> None:
    """Imports the outputs on the samples of a mask as a split of the zoo in a folder.

    What is said of outputs and labels is said of these arguments.
    """
    source = work / "outputs.npz"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_STORED) as z:
        for name, array in {**outputs, "labels": labels}.items():
            array = array[mask]
            if names is not None and array.ndim == 1 and array.dtype.kind in "iu":
                array = _named(array, names, name)
            if array.dtype.kind in "iub" and array.ndim == 2:
                array = array.astype(np.float64)
            with z.open(f"{name}.npy", "w", force_zip64=True) as f:
                np.lib.format.write_array(f, np.ascontiguousarray(array), allow_pickle=False)
    part = "" if isinstance(mask, slice) else f" on the {split} samples"  # which the rows are counted among
    words = {f"{source.name}: {name}: ": f"{arguments[0]}[{name!r}]{part}: " for name in outputs}
    words |= {f"{source.name}: labels: ": f"{arguments[1]}{part}: ", f"{source.name}: ": ""}
    args: list[str | os.PathLike[str]] = ["import", "--zoo", work / "zoo", "--format", "npz", "--split", split]
    if logits:
        args.append("--logits")
    if activation is not None:
        args += ["--activation", activation]
    if names is not None:
        args += ["--class-names", work / "classes.txt"]
    try:
        _program.run([*args, source], folder=work, verbose=verbose, inputs=True, words=words)
    finally:
        source.unlink()
