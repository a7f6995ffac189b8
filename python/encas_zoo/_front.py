"""The front of a search."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Sequence, overload

from . import _program
from ._cascade import Cascade, Estimate, Measured, Stage

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas

_SHOWN = 12  # cascades in a repr


@dataclass(frozen=True)
class Model:
    """A model that the search could choose."""

    name: str
    cost: float
    correct: int
    """Of the samples searched; if a part of very many was, of all."""
    accuracy: float
    """On them: see ``expected``."""
    expected: float | None
    """The accuracy to expect on samples that were not searched."""


@dataclass(frozen=True)
class Certified:
    """A cascade that was tested on samples set aside for that."""

    cascade: Cascade
    measured: Measured
    """On these samples."""
    p: float
    """Of the hypothesis that the claim is false."""
    certified: bool
    """Whether the claim holds, with the confidence asked for, of this and all that are certified."""


class Certificate(Sequence[Certified]):
    """The cascades tested, in the order of the tests, up to the first one that failed.

    ``json`` has all that ``encas-zoo certify --json`` says.
    """

    def __init__(self, tested: Sequence[Certified], json: Mapping[str, Any]):
        self._tested, self.json = tuple(tested), json

    @property
    def confidence(self) -> float:
        """The probability that nothing is certified falsely."""
        return float(self.json["confidence"])

    @property
    def reference(self) -> str:
        """The model that cascades are compared with."""
        return str(self.json["reference"]["model"])

    @property
    def cascades(self) -> list[Cascade]:
        """Those that are certified."""
        return [t.cascade for t in self if t.certified]

    @property
    def cheapest(self) -> Cascade | None:
        """The cheapest one that is certified, None if there is none."""
        return min(self.cascades, key=lambda c: next(t.measured.cost for t in self if t.cascade is c), default=None)

    def __len__(self) -> int:
        return len(self._tested)

    @overload
    def __getitem__(self, index: int) -> Certified: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Certified]: ...
    def __getitem__(self, index: int | slice) -> Certified | Sequence[Certified]:
        return self._tested[index]

    def __repr__(self) -> str:
        claim = ", ".join(f"margin {100 * v:g} points" if k == "margin" else f"{k} {v:g}" for k, v in self.json["claim"].items())
        return f"<Certificate: {len(self.cascades)} cascades against {self.reference!r}, {claim}, confidence {self.confidence:g}>"


class Front(Sequence[Cascade]):
    """The cascades that no other one found beats in both accuracy and cost, cheapest first.

    They are chosen by what is expected on samples that were not searched. ``json`` has all
    that ``encas-zoo optimize --json`` says.
    """

    def __init__(self, result: Mapping[str, Any], run: Mapping[str, Any], names: Sequence[str] | None = None, folder: Path | None = None):
        """Wraps a result of the program; ``folder`` has its zoo and run, and is removed with it."""
        front = result["front"]
        self.json = result
        self._run = run
        self._folder = folder
        self.names = None if names is None else tuple(names)
        self.cost_unit: str = front["cost"]
        """The column that costs are of."""
        drawn = (front.get("selection") or {}).get("drawn")
        self.n: int = drawn["samples"] if drawn and not drawn.get("measured") else front["split"]["samples"]
        """Samples that ``searched`` is of: those searched and, if they were a part of very many, all others."""
        self.models = tuple(
            Model(m["name"], m["cost"], m["correct"], m["correct"] / self.n, m.get("expected")) for m in front["models"]
        )
        self._cascades = tuple(self._cascade(i, c) for i, c in enumerate(front["cascades"]))
        if folder is not None:
            weakref.finalize(self, _remove, folder, os.getpid())

    def _cascade(self, number: int, c: Mapping[str, Any]) -> Cascade:
        return Cascade(
            tuple(
                Stage(s["model"], s["weight"], s.get("threshold"), s["cost"], s["reach"]) for s in c["stages"]
            ),
            rule=c["rule"], confidence=c["confidence"], classes=self.json["front"]["zoo"]["classes"], names=self.names,
            cost_unit=self.cost_unit, number=number, expected=estimate(c.get("expected")), searched=measured(c),
        )

    def _with_test(self, evaluation: Mapping[str, Any]) -> None:
        """Adds the results on the test samples."""
        from dataclasses import replace

        self._cascades = tuple(
            replace(c, test=measured(on, interval=True)) for c, on in zip(self._cascades, evaluation["cascades"])
        )

    def __len__(self) -> int:
        return len(self._cascades)

    @overload
    def __getitem__(self, index: int) -> Cascade: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Cascade]: ...
    def __getitem__(self, index: int | slice) -> Cascade | Sequence[Cascade]:
        return self._cascades[index]

    def __iter__(self) -> Iterator[Cascade]:
        return iter(self._cascades)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_folder": None}  # which goes with this front

    def best(self, *, within: float | None = None, min_accuracy: float | None = None, pick: str = "best") -> Cascade:
        """Returns the cascade that ``encas-zoo export`` picks with the same option.

        Args:
            within: the most accurate one that costs at most so much on average.
            min_accuracy: the cheapest one that is at least so accurate, from 0 to 1.
            pick: without these ``best``, the first that the program names instead of the most
                accurate single model; ``most-accurate``, or ``cheapest``.

        Accuracies are those expected on other samples, where they are known.

        Raises:
            InputError: (a ValueError) there is no such cascade.
        """
        if within is not None and min_accuracy is not None:
            raise ValueError("within and min_accuracy exclude each other")
        if within is not None:
            option = ["--within", repr(float(within))]
        elif min_accuracy is not None:
            option = ["--min-accuracy", repr(float(min_accuracy))]
        else:
            option = ["--pick", pick]
        if option[1] == "best" and len(self) > 0:
            return self[self.json["best_number"]]
        with tempfile.TemporaryDirectory(prefix="encas-zoo-") as folder:
            self._write_run(Path(folder))
            return self[_program.run(["export", *option, folder], folder=Path(folder))["number"]]

    def _write_run(self, folder: Path) -> None:
        (folder / "front.json").write_text(json.dumps(self.json["front"]), encoding="utf-8")
        (folder / "run.json").write_text(json.dumps(self._run), encoding="utf-8")

    def certified(
        self, outputs: Mapping[str, Any], labels: Any, *, margin: float | None = None, confidence: float = 0.9, against: str | None = None,
        error: float | None = None, max_cost: float | None = None, worst_class: float | None = None, logits: bool = False,
        activation: str | None = None,
    ) -> Certificate:
        """Tests on samples set aside for that which cascades can replace a model.

        Args:
            outputs: for each model of the search its outputs on these samples, as in ``search``.
            labels: the numbers or names of their classes, [N].
            margin: in percentage points: a certified cascade is less accurate than the model by
                less than that (default: 0.5).
            confidence: the probability of certifying nothing falsely.
            against: the model; None: the most accurate single one.
            error: certify less than this share of wrong answers instead of comparing; there is no
                ``margin`` then.
            max_cost: certify a mean cost below that, too.
            worst_class: certify an accuracy above that in every class, too.
            logits, activation: as in ``search``.

        Raises:
            InputError: (a ValueError) samples that were searched are among them, or both ``margin``
                and ``error`` are given, for example.
            RuntimeError: this front was unpickled, and has no zoo any more.
        """
        from ._search import add_split

        if self._folder is None:
            raise RuntimeError("the zoo of this front is gone: certify before pickling it, or search again")
        split = f"certify{sum(1 for _ in self._folder.glob('certify*'))}"
        (self._folder / split).mkdir()
        add_split(self._folder, split, outputs, labels, self, logits=logits, activation=activation)
        args: list[str | os.PathLike[str]] = ["certify", "--zoo", self._folder / "zoo", "--split", split, "--confidence", repr(float(confidence))]
        for name, value in (("--margin", margin), ("--against", against), ("--error", error), ("--max-cost", max_cost), ("--worst-class", worst_class)):
            if value is not None:
                args += [name, str(value)]
        result = _program.run([*args, self._folder / "run"], folder=self._folder, known="the run was made with another zoo")
        tested = [
            Certified(
                self[t["number"]], Measured(t["n"], t["correct"], t["accuracy"], t["cost"], ()), t["p"], t["certified"]
            )
            for t in result["tested"]
        ]
        return Certificate(tested, result)

    def to_pandas(self) -> "pandas.DataFrame":
        """Returns a frame with a row a cascade, by its number.

        Columns: ``cascade``; ``expected``, ``expected_low`` and ``expected_high``, the accuracy
        to expect on other samples and its 95 % interval; ``searched``, that on the samples
        searched (if they were a part of very many, on all); ``cost`` and ``worst_cost``; ``stages``; with test samples ``test``,
        ``test_low``, ``test_high`` and ``test_cost``. Accuracies are shares.
        """
        import pandas

        rows = []
        for c, j in zip(self, self.json["front"]["cascades"]):
            row = {
                "cascade": c.text,
                "expected": c.expected.accuracy if c.expected else None,
                "expected_low": c.expected.low if c.expected else None,
                "expected_high": c.expected.high if c.expected else None,
                "searched": c.searched.accuracy if c.searched else None,
                "cost": j["cost"], "worst_cost": j["worst_cost"], "stages": len(c.stages),
            }
            if c.test is not None and c.test.interval is not None:
                row.update(test=c.test.accuracy, test_low=c.test.interval[0], test_high=c.test.interval[1], test_cost=c.test.cost)
            rows.append(row)
        return pandas.DataFrame(rows).rename_axis("number")

    def plot(self, ax: "matplotlib.axes.Axes | None" = None) -> "matplotlib.axes.Axes":
        """Draws accuracy over mean cost: what is expected on other samples, with its 95 %
        intervals, and the single models; with test samples, what was measured on them.

        Args:
            ax: axes of matplotlib; None: new ones.
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots()
        known = [c for c in self if c.expected is not None]
        costs = [c["cost"] for c, own in zip(self.json["front"]["cascades"], self) if own.expected is not None]
        if known:
            low, high = zip(*((100 * c.expected.low, 100 * c.expected.high) for c in known if c.expected))
            ax.fill_between(costs, low, high, step="post", alpha=0.15, color="C0", label="95 % interval")
            ax.step(costs, [100 * c.expected.accuracy for c in known if c.expected], where="post", color="C0", label="cascades, expected on other samples")
        else:
            ax.step(
                [c.searched.cost for c in self if c.searched], [100 * c.searched.accuracy for c in self if c.searched],
                where="post", color="C0", linestyle=":", label="cascades on the samples searched (other samples: not estimated)",
            )
        tested = [c.test for c in self if c.test is not None]
        if tested:
            ax.plot([t.cost for t in tested], [100 * t.accuracy for t in tested], ".", color="C2", label="cascades on test")
        expected = [m for m in self.models if m.expected is not None] or None
        ax.plot(
            [m.cost for m in expected or self.models], [100 * (m.expected or m.accuracy) for m in expected or self.models],
            "+", color="C1", label="single models, " + ("expected on other samples" if expected else "on the samples searched"),
        )
        if min((m.cost for m in self.models), default=0) > 0:
            ax.set_xscale("log")
        ax.set_xlabel(f"mean cost of a sample ({self.cost_unit})")
        ax.set_ylabel("accuracy (%)")
        ax.legend()
        return ax

    def __repr__(self) -> str:
        lines = [f"<Front: {len(self)} cascades of {len(self.models)} models, chosen on {self.n} samples; cost is {self.cost_unit}"]
        if len(self) == 0:
            return lines[0] + ">"
        tested = self[0].test is not None
        lines.append(f"{'':>5}  {'expected on other samples':<27}{'on those searched':<19}" + (f"{'on test':<27}" if tested else "") + f"{'cost':<11}cascade")
        numbers = sorted({round(i * (len(self) - 1) / max(1, _SHOWN - 1)) for i in range(min(_SHOWN, len(self)))})
        for i in numbers:
            c = self[i]
            lines.append(
                f"{i:>5}  {str(c.expected or 'not estimated'):<27}{_percent(c.searched):<19}"
                + (f"{str(Estimate(c.test.accuracy, *(c.test.interval or (0, 1)))) if c.test else '':<27}" if tested else "")
                + f"{c.searched.cost if c.searched else float('nan'):<11.4g}{c.text}"
            )
        return "\n".join(lines) + ">"


def _remove(folder: Path, owner: int) -> None:
    """Removes a folder, unless this is a fork of the process that made it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _percent(m: Measured | None) -> str:
    return "" if m is None else f"{100 * m.accuracy:.2f} %"


def estimate(e: Mapping[str, Any] | None) -> Estimate | None:
    return None if e is None else Estimate(e["accuracy"], *e["accuracy_95"])


def measured(c: Mapping[str, Any], interval: bool = False) -> Measured:
    """Returns the counts of a cascade in the program's JSON."""
    return Measured(
        c["n"], c["correct"], c["accuracy"], c["cost"], tuple(s["reach"] for s in c["stages"]),
        tuple(c["accuracy_95"]) if interval else None,
    )
