"""Cascades and what they answer, exactly as the program evaluates them."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from . import _outputs
from ._outputs import ONE, Logits
from ._program import InputError

if TYPE_CHECKING:
    import pandas
    import torch

    from ._module import CascadeModule

RULES = ("mean", "last", "vote")
CONFIDENCES = ("max", "margin", "entropy")
MAX_STAGES = 255


@dataclass(frozen=True)
class Stage:
    """A model of a cascade."""

    model: str
    """Its name."""
    weight: int = 1
    """Of its output, or vote, in the mean: 1 to 255."""
    threshold: float | None = None
    """A sample is answered if its confidence is strictly above: a float32 in [0, 1]. None at the last stage."""
    cost: float | None = None
    """Of the model, for each sample it runs on, in the unit of the search."""
    reach: int | None = None
    """How many of the samples searched ran on it."""
    temperature: float | None = None
    """T: the output p is replaced by p^(1/T) divided by its sum before anything else. None: unchanged."""


@dataclass(frozen=True)
class Estimate:
    """An accuracy, a share from 0 to 1, with its 95 % interval."""

    accuracy: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.accuracy:.2f} % ({100 * self.low:.2f}..{100 * self.high:.2f})"


@dataclass(frozen=True)
class Measured:
    """Counts on samples with labels."""

    n: int
    correct: int
    accuracy: float
    cost: float
    """Mean over the samples."""
    reach: tuple[int, ...]
    """How many of the samples ran on each stage."""
    interval: tuple[float, float] | None = None
    """Of the accuracy, 95 %, on samples that were not searched."""


@dataclass
class Answers:
    """What a cascade answered to N samples."""

    classes: NDArray[np.int64]
    """[N], numbers from 0."""
    confidence: NDArray[np.float64]
    """[N], of the stage that answered: what its threshold is compared with."""
    stage: NDArray[np.int64]
    """[N], that answered, from 1."""
    cost: NDArray[np.float64]
    """[N], of all stages up to that one, in the unit of the search; nan where costs are not known."""
    names: Sequence[str] | None = None
    """Of the classes; None if they have none."""
    stage_costs: Sequence[float] = (float("nan"),)
    """Of each stage of the cascade, for each sample that it runs on."""
    ids: Sequence[str] | None = None
    """Of the samples; None: they are numbered from 0."""

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def reach(self) -> NDArray[np.int64]:
        """How many samples ran on each stage, [stages]."""
        exits = np.bincount(self.stage - 1, minlength=len(self.stage_costs))
        return np.asarray(exits[::-1].cumsum()[::-1], dtype=np.int64)

    @property
    def mean_cost(self) -> float:
        """The mean cost of a sample; nan if there are none."""
        total = 0.0
        for cost, reach in zip(self.stage_costs, self.reach.tolist()):
            total += cost * reach
        return total / len(self) if len(self) else float("nan")

    def correct(self, labels: Any) -> NDArray[np.bool_]:
        """Reports which samples are answered correctly. Labels are numbers of classes, [N]."""
        labels = _outputs.as_array(labels)
        if labels.shape != self.classes.shape:
            raise ValueError(f"labels of shape {labels.shape} for {len(self)} samples")
        return np.asarray(self.classes == labels)

    def accuracy(self, labels: Any) -> float:
        """Returns the share of samples answered correctly; nan if there are none."""
        correct = self.correct(labels)
        return float(correct.mean()) if len(correct) else float("nan")

    def _columns(self) -> dict[str, Any]:
        names = [""] * len(self) if self.names is None else [self.names[c] for c in self.classes]
        ids = [str(i) for i in range(len(self))] if self.ids is None else list(self.ids)
        return {"id": ids, "class": self.classes, "name": names, "confidence": self.confidence, "stage": self.stage}

    def to_pandas(self) -> "pandas.DataFrame":
        """Returns a frame with a row a sample: id, class, name, confidence, stage, cost."""
        import pandas

        return pandas.DataFrame({**self._columns(), "cost": self.cost})

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes id, class, name, confidence and stage, which ``encas-zoo diff`` compares."""
        columns = self._columns()
        columns["confidence"] = [repr(float(c)) for c in self.confidence]
        with open(path, "w", newline="", encoding="utf-8") as f:
            w = csv.writer(f, lineterminator="\n")
            w.writerow(columns)
            w.writerows(zip(*columns.values()))


@dataclass(frozen=True)
class Cascade:
    """A chain of models with a threshold after every stage but the last.

    Every sample runs on the first model. It is answered by the first stage whose confidence is
    strictly above its threshold, else by the last. Outputs are rounded to float16 and summed as
    integers, so answers depend on nothing but the models' outputs.

    Raises:
        ValueError: there cannot be such a cascade.
    """

    stages: tuple[Stage, ...]
    rule: str = "mean"
    """``mean``: stages answer by the weighted mean of all outputs so far; ``last``: by their
    own alone; ``vote``: by the weighted votes so far."""
    confidence: str = "max"
    """What thresholds are compared with: the ``max`` of the mean, its ``margin`` over the second
    largest, or 1 minus its normalised ``entropy``."""
    classes: int | None = None
    """How many there are, where that is known."""
    names: tuple[str, ...] | None = None
    """Of the classes."""
    cost_unit: str | None = None
    """The column that costs are of, such as ``gflops``."""
    number: int | None = None
    """In its front, from 0."""
    expected: Estimate | None = None
    """The accuracy to expect on samples that were not searched."""
    searched: Measured | None = None
    """On the samples searched, where cascades look better than they are: see ``expected``."""
    test: Measured | None = None
    """On the test samples that were given to the search."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        if self.rule not in RULES or self.confidence not in CONFIDENCES:
            raise ValueError(f"rule {self.rule!r} is none of {RULES}, or confidence {self.confidence!r} none of {CONFIDENCES}")
        if not self.stages:
            raise ValueError("a cascade has at least one stage")
        for i, s in enumerate(self.stages):
            if not s.model:
                raise ValueError(f"stage {i + 1} names no model")
            if not 1 <= s.weight <= MAX_STAGES:
                raise ValueError(f"stage {i + 1} has weight {s.weight}; weights are 1 to {MAX_STAGES}")
            last = i == len(self.stages) - 1
            if last != (s.threshold is None):
                raise ValueError(f"stage {i + 1}: all stages but the last have a threshold")
            if s.threshold is not None and not 0 <= s.threshold <= 1:
                raise ValueError(f"stage {i + 1}: threshold {s.threshold} is not in [0, 1]")
        if sum(s.weight for s in self.stages) > MAX_STAGES:
            raise ValueError(f"the weights of a cascade sum to at most {MAX_STAGES}")

    @property
    def models(self) -> list[str]:
        """The names of its models, each once, in the order that they run in."""
        return list(dict.fromkeys(s.model for s in self.stages))

    @property
    def text(self) -> str:
        """The cascade as the flag ``--cascade`` of the program takes it."""
        parts = []
        for s in self.stages:
            part = json.dumps(s.model, ensure_ascii=False) if _must_quote(s.model) else s.model
            if s.weight != 1:
                part += f"*{s.weight}"
            if s.threshold is not None:
                part += f"@{_shortest(s.threshold)}"
            parts.append(part)
        rule = "" if self.rule == "mean" else self.rule + ":"
        confidence = "" if self.confidence == "max" else self.confidence + ":"
        return confidence + rule + ",".join(parts)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        figures = []
        if self.expected is not None:
            figures.append(f"{self.expected} expected on other samples")
        if self.test is not None:
            figures.append(f"{_measured(self.test)} on test")
        if self.expected is not None and self.searched is not None:
            figures.append(f"{100 * self.searched.accuracy:.2f} % on those searched")
        if self.searched is not None:
            figures.append(f"{self.searched.cost:.4g} {self.cost_unit or ''}".strip())
        return f"<Cascade {self.text}" + (": " if figures else "") + ", ".join(figures) + ">"

    def answers(self, models: Mapping[str, Any], X: Any = None, *, n: int | None = None, logits: Logits = False) -> Answers:
        """Returns what the cascade answers to N samples.

        Args:
            models: for each model of the cascade its outputs on all samples, [N, C] (see
                ``search``), or a function. A function gets only the samples that reach its
                stage: those of ``X`` or, without ``X``, their numbers, an array of integers;
                it returns their outputs. A model that is named by several stages runs once.
            X: the samples: an array, a tensor, a frame or a list.
            n: their number, N, if neither ``X`` nor an array says it.
            logits: softmax is still to be applied to the outputs: of all models, or of those
                named.

        Raises:
            InputError: (a ValueError) a model is missing.
            ValueError: outputs are no probabilities, or of another number of samples.
        """
        return self._run(models, X, n, logits, want_rows=False)[0]

    def predict(self, models: Mapping[str, Any], X: Any = None, *, n: int | None = None, logits: Logits = False) -> NDArray[np.int64]:
        """Returns the class of each sample, [N], numbers from 0. Arguments are those of ``answers``."""
        return self.answers(models, X, n=n, logits=logits).classes

    def predict_proba(self, models: Mapping[str, Any], X: Any = None, *, n: int | None = None, logits: Logits = False) -> NDArray[np.float64]:
        """Returns what the stage that answered makes of the outputs so far, [N, C].

        That is their weighted mean, with rule ``last`` its own output, and with rule ``vote``
        the shares of the votes. Rows sum to 1 but for the rounding of outputs to float16.
        Arguments are those of ``answers``.
        """
        rows = self._run(models, X, n, logits, want_rows=True)[1]
        assert rows is not None
        return rows

    def _run(
        self, models: Mapping[str, Any], X: Any, n: int | None, logits: Logits, want_rows: bool
    ) -> tuple[Answers, NDArray[np.float64] | None]:
        source = _Source(self, models, X, n, logits)
        n = source.n
        answers = Answers(
            np.zeros(n, np.int64), np.zeros(n), np.zeros(n, np.int64), np.zeros(n), self.names,
            [np.nan if s.cost is None else s.cost for s in self.stages],
        )
        out: NDArray[np.float64] | None = None
        active = np.arange(n)
        combiner = Combiner(self)
        paid = 0.0
        for k in range(len(self.stages)):
            if len(active) == 0 and k > 0:
                break
            combiner.add(k, source.rows(k, active))
            paid += answers.stage_costs[k]
            classes, confidence, exits = combiner.decide(k)
            done = active[exits]
            answers.classes[done] = classes[exits]
            answers.confidence[done] = confidence[exits]
            answers.stage[done] = k + 1
            answers.cost[done] = paid
            if want_rows:
                if out is None:
                    out = np.zeros((n, combiner.sums.shape[1]))
                out[done] = combiner.sums[exits] / (combiner.weight * ONE)
            combiner.keep(~exits)
            active = active[~exits]
        return answers, out

    def to_torch(self, models: "Mapping[str, torch.nn.Module]", *, logits: Logits = True) -> "CascadeModule":
        """Returns a ``torch.nn.Module`` that runs later models on the rest of the batch only.

        Args:
            models: a module for each model of the cascade, that maps a batch [N, ...] to
                outputs [N, C].
            logits: whether softmax is still to be applied: to all models, or to those named.

        Raises:
            ImportError: torch is not installed.
            InputError: (a ValueError) a model is missing.
        """
        from ._module import CascadeModule

        return CascadeModule.of(self, models, logits=logits)


class Combiner:
    """Sums, stage after stage, the outputs of the samples that are still without an answer."""

    def __init__(self, cascade: Cascade):
        self.cascade = cascade
        self.sums: NDArray[np.uint32] = np.zeros((0, 0), np.uint32)
        self.weight = 0

    def add(self, k: int, rows: NDArray[np.float16]) -> None:
        """Adds the outputs of stage ``k``, counted from 0, on these samples."""
        stage = self.cascade.stages[k]
        if stage.temperature is not None:
            rows = _outputs.at_temperature(rows, stage.temperature)
        values = _outputs.fixed(rows)
        if k > 0 and self.cascade.rule != "last" and values.shape != self.sums.shape:
            raise ValueError(f"model {stage.model!r} returned {values.shape} outputs instead of {self.sums.shape}")
        if self.cascade.rule == "last":
            self.sums, self.weight = values, 1
            return
        if self.cascade.rule == "vote":
            votes = np.zeros_like(values)
            votes[np.arange(len(values)), values.argmax(axis=1)] = ONE
            values = votes
        values = values * np.uint32(stage.weight)
        self.sums = values if k == 0 else self.sums + values
        self.weight += stage.weight

    def decide(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        """Returns classes, confidences, and which samples stage ``k`` answers."""
        classes = self.sums.argmax(axis=1)  # the first of equal ones
        confidence = _confidence(self.cascade.confidence, self.sums, self.weight).astype(np.float64)
        threshold = self.cascade.stages[k].threshold
        if threshold is None:
            exits = np.ones(len(classes), bool)
        else:
            exits = confidence > float(self.weight) * float(np.float32(threshold)) * ONE
        return classes, confidence / (float(self.weight) * ONE), exits

    def keep(self, some: NDArray[np.bool_]) -> None:
        """Goes on with some of the samples."""
        self.sums = self.sums[some]


def _confidence(measure: str, sums: NDArray[np.uint32], weight: int) -> NDArray[np.uint32]:
    """Measures sums, in fixed point and times the weight."""
    if measure == "max" or sums.shape[1] == 1 and measure == "margin":
        return sums.max(axis=1)
    if measure == "margin":
        two = np.partition(sums, -2, axis=1)
        return np.asarray(two[:, -1] - two[:, -2])
    if sums.shape[1] == 1:
        return np.full(len(sums), weight * ONE, np.uint32)
    # From the largest to the smallest, one after the other: what a sum of floats is depends on
    # its order.
    ordered = np.sort(sums, axis=1)[:, ::-1].astype(np.float64)
    p = ordered / ordered.sum(axis=1, keepdims=True)
    terms = np.where(p > 0, p * _outputs.log(np.where(p > 0, p, 1)), 0)
    entropy = np.subtract.accumulate(np.concatenate([np.zeros((len(p), 1)), terms], axis=1), axis=1)[:, -1]
    whole = _outputs.log(np.array([float(sums.shape[1])]))
    return np.asarray((np.maximum(0, 1 - entropy / whole) * ONE).astype(np.uint32) * np.uint32(weight))


class _Source:
    """Where the outputs of a cascade's models come from."""

    def __init__(self, cascade: Cascade, models: Mapping[str, Any], X: Any, n: int | None, logits: Logits):
        self.cascade, self.X = cascade, X
        self.logits = logits
        self.functions: dict[str, Callable[[Any], Any]] = {}
        self.arrays: dict[str, NDArray[Any]] = {}
        self.known: dict[str, tuple[NDArray[np.int64], NDArray[np.float16]]] = {}
        self.width = cascade.classes
        lengths: dict[str, int] = {} if n is None else {"n": n}
        if X is not None:
            lengths["X"] = _length(X)
        for name in cascade.models:
            if name not in models:
                raise InputError(f"the cascade needs the model {name!r}; there are {', '.join(map(repr, models)) or 'none'}")
            if callable(models[name]) and not hasattr(models[name], "__array__"):
                self.functions[name] = models[name]
            else:
                self.arrays[name] = _outputs.as_array(_outputs.in_order(models[name], cascade.names, name))
                lengths[f"the outputs of {name!r}"] = len(self.arrays[name])
        if not lengths:
            raise ValueError("how many samples there are is not known: pass X, or n")
        if len(set(lengths.values())) > 1:
            raise ValueError("numbers of samples differ: " + ", ".join(f"{k}: {v}" for k, v in lengths.items()))
        self.n = next(iter(lengths.values()))

    def rows(self, k: int, active: NDArray[np.int64]) -> NDArray[np.float16]:
        """Returns the outputs of stage ``k`` on samples, of which it was asked for at least as many before."""
        name = self.cascade.stages[k].model
        if name in self.known:  # by an earlier stage, which these samples have passed
            before, rows = self.known[name]
            return rows[np.searchsorted(before, active)]
        if name in self.arrays:
            values: Any = self.arrays[name][active]
        else:
            values = self.functions[name](active if self.X is None else _take(self.X, active))
            if _length(values) != len(active):
                raise ValueError(f"model {name!r} returned {_length(values)} outputs for {len(active)} samples")
        values = _outputs.as_array(_outputs.in_order(values, self.cascade.names, name))
        if self.cascade.rule == "mean" and len(self.cascade.stages) > 1 and _outputs.are_answers(values):
            raise ValueError(f"model {name!r} gives answers without a distribution, which cannot be averaged: use rule last or vote")
        rows = _outputs.probabilities(values, name, logits=_outputs.is_logits(self.logits, name), classes=self.width)
        self.width = rows.shape[1]
        if sum(s.model == name for s in self.cascade.stages) > 1:
            self.known[name] = active, rows
        return rows


def _length(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def _take(X: Any, rows: NDArray[np.int64]) -> Any:
    """Returns some of the samples, of the same kind as all."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if hasattr(X, "shape"):
        return X[rows]
    return [X[i] for i in rows]


def _must_quote(name: str) -> bool:
    special = any(c in name for c in ',@*"') or name.strip() != name
    prefixed = any(name.startswith(p + ":") for p in (*RULES[1:], *CONFIDENCES[1:]))
    return special or prefixed or not name.isprintable()


def _shortest(threshold: float) -> str:
    """Writes the shortest text that is the same float32."""
    text = str(np.float32(threshold))
    return text[:-2] if text.endswith(".0") else text


def _measured(m: Measured) -> str:
    if m.interval is None:
        return f"{100 * m.accuracy:.2f} %"
    return str(Estimate(m.accuracy, *m.interval))
