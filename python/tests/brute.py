"""What a cascade answers to a sample, written anew from docs/concepts.md, with fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


def answer(cascade, rows):
    """Returns class, confidence (a Fraction, or a float for entropy) and stage, from the float16 outputs of each stage's model."""
    so_far = {}
    for k, (stage, row) in enumerate(zip(cascade.stages, rows)):
        values = [Fraction(float(v)) for v in row]
        if cascade.rule == "vote":
            best = values.index(max(values))
            values = [Fraction(int(c == best)) for c in range(len(values))]
        so_far[k] = (stage.weight, values)
        members = [(1, values)] if cascade.rule == "last" else list(so_far.values())
        weight = sum(w for w, _ in members)
        r = [sum(w * v[c] for w, v in members) / weight for c in range(len(values))]
        largest = sorted(r, reverse=True)
        if cascade.confidence == "max":
            confidence = largest[0]
        elif cascade.confidence == "margin":
            confidence = largest[0] - largest[1]
        else:
            p = [v / sum(r) for v in r if v > 0]
            confidence = 1 - -sum(float(v) * math.log(v) for v in p) / math.log(len(r))
        if stage.threshold is None or confidence > Fraction(float(np.float32(stage.threshold))):
            return r.index(largest[0]), confidence, k + 1
    raise AssertionError("no stage answered")
