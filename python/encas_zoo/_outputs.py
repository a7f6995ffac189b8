"""Outputs of models as the program keeps them: probabilities, rounded to float16.

The steps are those of ``encas-zoo import``, so that a cascade answers here what it answered
in the search.
"""

from __future__ import annotations

from typing import Any, Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

ONE = 1 << 24
"""The probability 1 in fixed point: every float16 in [0, 1] is a multiple of 2**-24."""

_SUM_NOISE = 2e-5  # of float32: sums further from 1 are those of rounded values
_SUM_TOLERANCE = 0.01 + 1e-6

Logits = bool | Collection[str]
"""Whether outputs are logits: of all models, or of those named."""


def is_logits(logits: Logits, model: str) -> bool:
    return logits if isinstance(logits, bool) else model in logits


def as_array(values: Any) -> NDArray[Any]:
    """Returns an array, a tensor, a frame or a list as an array."""
    if hasattr(values, "detach"):  # a tensor of torch
        values = values.detach().cpu()
        if not values.dtype.is_floating_point and not values.dtype.is_complex:
            return values.numpy()
        return values.numpy() if str(values.dtype) != "torch.bfloat16" else values.float().numpy()
    if hasattr(values, "to_numpy"):  # pandas, polars
        values = values.to_numpy()
    array = np.asarray(values)
    if array.dtype == object and not any(isinstance(v, str) for v in array.ravel()):
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError):
            pass
    return array.astype(str) if array.dtype == object else array


def in_order(values: Any, names: Sequence[str] | None, model: str) -> Any:
    """Puts the columns of a frame that are called like the classes, or numbered, in their order.

    Raises:
        ValueError: some of the columns are called like classes, and others are not.
    """
    if not hasattr(values, "columns"):
        return values
    columns = [str(c) for c in values.columns]
    numbers = [str(c) for c in range(len(columns))]
    for wanted in (list(names or []), numbers):
        if columns == wanted:
            return values
        if sorted(columns) == sorted(wanted):
            places = {c: i for i, c in enumerate(columns)}
            order = [places[c] for c in wanted]
            return values.iloc[:, order] if hasattr(values, "iloc") else values[:, order]
    if names is not None and len(columns) > 1 and set(columns) & set(names):
        strange = next(c for c in columns if c not in names) if set(columns) - set(names) else columns[0]
        raise ValueError(f"the columns of the outputs of {model!r} are not the classes: {strange!r}; give it a column for each class, and no others")
    return values


def are_answers(values: NDArray[Any]) -> bool:
    """Reports whether an array has the numbers of classes, and no probabilities."""
    return values.ndim == 1 and values.dtype.kind in "iu"


def probabilities(values: Any, model: str, *, logits: bool = False, classes: int | None = None) -> NDArray[np.float16]:
    """Makes probabilities, [N, C] of float16, of what a model returned for N samples.

    Args:
        values: probabilities or logits, [N, C]; with two classes [N] or [N, 1] of class 1; or
            [N] of integers, the answers of a model that gives nothing else.
        model: the name of the model, for messages.
        logits: softmax is still to be applied (sigmoid to one value a sample).
        classes: C, where it is known.

    Raises:
        ValueError: the values are no probabilities. It names the model and the first such row.
    """
    array = as_array(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if are_answers(array):
        if classes is None:
            raise ValueError(f"model {model!r} gives answers only: how many classes there are is not known")
        return _one_hot(array, model, classes)
    if array.dtype.kind not in "fb" or array.ndim not in (1, 2):
        raise ValueError(
            f"model {model!r} returned {array.dtype} of shape {array.shape}: "
            "it must return floats [N, classes], floats [N] with two classes, or integers [N], its answers"
        )
    out = np.empty((len(array), array.shape[1] if array.ndim == 2 else 2), np.float16)
    if classes is not None and out.shape[1] != classes:
        raise ValueError(f"model {model!r} has {out.shape[1]} classes, and there are {classes}")
    for rows in _blocks(len(array), out.shape[1]):
        try:
            out[rows] = _block(array[rows], logits)
        except _BadRow as bad:
            raise ValueError(f"model {model!r}, row {rows.start + bad.row}: {bad}") from None
    return out


class _BadRow(Exception):
    def __init__(self, row: int, text: str):
        super().__init__(text)
        self.row = row


def _blocks(n: int, classes: int) -> Iterator[slice]:
    """Yields slices of some 4 million values."""
    step = max(1, (1 << 22) // max(1, classes))
    for at in range(0, n, step):
        yield slice(at, min(n, at + step))


def _one_hot(answers: NDArray[Any], model: str, classes: int) -> NDArray[np.float16]:
    bad = (answers < 0) | (answers >= classes)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(f"model {model!r}, row {row}: the answer {answers[row]}, but the classes are 0 to {classes - 1}")
    out = np.zeros((len(answers), classes), np.float16)
    out[np.arange(len(answers)), answers] = 1
    return out


def _block(values: NDArray[Any], logits: bool) -> NDArray[np.float16]:
    _refuse(~np.isfinite(values), values, "the value of class {c} is {v}: fix the model's output")
    if not logits and values.ndim == 2 and values.dtype == np.float16:
        rows = values
    else:
        rows = _to_float16(values, logits)
    rows = np.where(rows == 0, np.float16(0), rows)  # -0 is 0
    _refuse((rows < 0) | (rows > 1), rows, "the value of class {c} is {v}, not in [0, 1]; pass logits=True if these are logits")
    sums = fixed(rows).sum(axis=1, dtype=np.int64)
    off = np.abs(sums - ONE) > ONE // 100
    if off.any():
        row = int(off.argmax())
        raise _BadRow(row, f"the values sum to {sums[row] / ONE:.6g}, not 1; pass logits=True if these are logits")
    return rows


def _to_float16(values: NDArray[Any], logits: bool) -> NDArray[np.float16]:
    wide = values.astype(np.float64)
    if wide.ndim == 1:
        ones = 1 / (1 + np.exp(-wide)) if logits else wide
        wide = np.stack([1 - ones, ones], axis=1)
    elif logits:
        wide = np.exp(wide - wide.max(axis=1, keepdims=True))
        wide /= _total(wide)
    low, high = -1.0 / (1 << 26), 1 + 1.0 / (1 << 12)
    _refuse((wide < low) | (wide > high), wide, "the value of class {c} is {v}, not in [0, 1]; pass logits=True if these are logits")
    total = _total(wide)
    off = np.abs(total[:, 0] - 1)
    if (off > _SUM_TOLERANCE).any():
        row = int(off.argmax())
        raise _BadRow(row, f"the values sum to {total[row, 0]:.6g}, not 1; pass logits=True if these are logits")
    wide = np.where(off[:, None] > _SUM_NOISE, wide / total, wide)
    with np.errstate(under="ignore"):
        return np.clip(wide, 0, 1).astype(np.float16)


def _total(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums rows from the first class to the last, as the program does."""
    return np.add.accumulate(rows, axis=1)[:, -1:]


def _refuse(bad: NDArray[np.bool_], values: NDArray[Any], text: str) -> None:
    if bad.any():
        at = np.unravel_index(int(bad.argmax()), bad.shape)
        raise _BadRow(int(at[0]), text.format(c=int(at[1]) if len(at) > 1 else 1, v=values[at]))


def fixed(rows: NDArray[np.float16]) -> NDArray[np.uint32]:
    """Returns probabilities in fixed point, exactly."""
    return (rows.astype(np.float32) * np.float32(ONE)).astype(np.uint32)


def at_temperature(rows: NDArray[np.float16], temperature: float) -> NDArray[np.float16]:
    """Returns p^(1/T) divided by its sum, as ``encas-zoo zoo calibrate`` writes it."""
    powers = np.zeros(0x3C01)
    powers[1:] = np.exp(log(np.arange(1, 0x3C01, dtype=np.uint16).view(np.float16).astype(np.float64)) / temperature)
    out = np.empty_like(rows)
    for block in _blocks(*rows.shape):
        part = rows[block]
        scaled = powers[np.where(part == 0, np.float16(0), part).view(np.uint16)]
        new = (scaled / _total(scaled)).astype(np.float32).astype(np.float16)
        # The answer stays where rounding makes another class as likely.
        top, each = part.argmax(axis=1), np.arange(len(part))
        moved = new.argmax(axis=1) != top
        bits = new.view(np.uint16)
        bits[each[moved], top[moved]] += 1
        out[block] = new
    return out


def log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The natural logarithm to the last bit as Go has it on amd64: FreeBSD's e_log.c."""
    f1, ki = np.frexp(x)
    small = f1 < np.sqrt(2) / 2
    f1 = np.where(small, 2 * f1, f1)
    k = (ki - small).astype(np.float64)
    f = f1 - 1
    s = f / (2 + f)
    s2 = s * s
    s4 = s2 * s2
    t1 = s2 * (6.666666666666735130e-01 + s4 * (2.857142874366239149e-01 + s4 * (1.818357216161805012e-01 + s4 * 1.479819860511658591e-01)))
    t2 = s4 * (3.999999999940941908e-01 + s4 * (2.222219843214978396e-01 + s4 * 1.531383769920937332e-01))
    half = 0.5 * f * f
    return k * 6.93147180369123816490e-01 - ((half - (s * (half + (t1 + t2)) + k * 1.90821492927058770002e-10)) - f)
