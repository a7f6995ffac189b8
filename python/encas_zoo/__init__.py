"""Cheaper and more accurate cascades of the classifiers you already have.

    front = encas_zoo.search({"small": p1, "large": p2}, labels, {"small": 1, "large": 10})
    cascade = front.best(within=4)
    cascade.predict({"small": small.predict_proba, "large": large.predict_proba}, X)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._cascade import Answers, Cascade, Estimate, Measured, Stage
from ._front import Certificate, Certified, Front, Model
from ._program import ProgramError, InputError, program
from ._search import search

if TYPE_CHECKING:
    from ._bundle import Bundle, load
    from ._classifier import CascadeClassifier
    from ._module import CascadeModule, CascadeOutput

__all__ = [
    "Answers", "Bundle", "Cascade", "CascadeClassifier", "CascadeModule", "CascadeOutput", "Certificate", "Certified",
    "Estimate", "Front", "Measured", "Model", "ProgramError", "Stage", "InputError", "load", "program", "search",
]

# What needs more than NumPy is imported when it is asked for.
_LATER = {
    "Bundle": "_bundle", "load": "_bundle", "CascadeClassifier": "_classifier",
    "CascadeModule": "_module", "CascadeOutput": "_module",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
