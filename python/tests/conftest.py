"""What the tests share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest


def shared(name: str) -> Path:
    """Returns a folder of reference data that lies beside the repository, or skips the test."""
    for parent in Path(os.environ.get("ENCAS_ROOT", __file__)).resolve().parents:
        folder = parent / "shared" / "data" / name
        if folder.is_dir():
            return folder
    pytest.skip(f"needs the reference data in shared/data/{name} beside the repository")


class Toy:
    """Five models of 5 classes, the more expensive the better, on samples to search and to test."""

    def __init__(self, n: int = 600, classes: int = 5, seed: int = 1):
        r = np.random.default_rng(seed)
        self.labels = r.integers(0, classes, n)
        self.costs = {f"m{i}": 4.0**i for i in range(5)}
        hard = r.normal(0, 1, n)
        self.logits = {}
        for i, m in enumerate(self.costs):
            z = r.normal(0, 1, (n, classes)).astype(np.float32)
            z[np.arange(n), self.labels] += 1 + 0.7 * i - hard
            self.logits[m] = z
        self.outputs = {m: softmax(z) for m, z in self.logits.items()}


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z.astype(np.float64) - z.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="session")
def toy() -> Toy:
    return Toy()


@pytest.fixture(scope="session")
def front(toy):
    import encas_zoo

    return encas_zoo.search(toy.outputs, toy.labels, toy.costs, test=0.5, algorithm="exact", max_models=2)
