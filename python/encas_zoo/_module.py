"""A cascade as a module of torch."""

# TorchScript reads the annotations, which must not be texts.
import math
from typing import Any, Dict, List, Mapping, NamedTuple

try:
    import torch
except ImportError as missing:
    raise ImportError("cascades of modules need torch: pip install 'encas-zoo[torch]'") from missing

import numpy as np

from ._cascade import Cascade
from ._outputs import ONE, is_logits
from ._program import InputError


class CascadeOutput(NamedTuple):
    """What a cascade answers to a batch of N samples."""

    probabilities: torch.Tensor
    """[N, C], float32: what the stage that answered makes of the outputs so far."""
    classes: torch.Tensor
    """[N], int64."""
    confidence: torch.Tensor
    """[N], float64: what the threshold of the stage that answered is compared with."""
    stage: torch.Tensor
    """[N], int64: the stage that answered, from 1."""


class CascadeModule(torch.nn.Module):
    """Runs later models on the rest of the batch only.

    Outputs are rounded to float16 and summed as integers, as everywhere. It is scriptable if
    its models are (``torch.jit.script``). It refuses to be traced, and ``torch.export`` refuses it,
    because which samples a model runs on depends on the outputs before: export the models.

    Its models are set to evaluation mode, and no gradients are kept.
    """

    def __init__(self, stages: List["_Stage"], rule: str, confidence: str):
        super().__init__()
        self.stages = torch.nn.ModuleList(stages)
        self.rule = rule
        self.confidence = confidence
        self.eval()

    @staticmethod
    def of(cascade: Cascade, models: Mapping[str, torch.nn.Module], *, logits: Any = True) -> "CascadeModule":
        """Makes the module of a cascade: see ``Cascade.to_torch``."""
        stages: List[_Stage] = []
        total = 0
        for s in cascade.stages:
            if s.model not in models:
                raise InputError(f"the cascade needs the model {s.model!r}; there are {', '.join(map(repr, models)) or 'none'}")
            total = 1 if cascade.rule == "last" else total + s.weight
            cut = -1.0 if s.threshold is None else float(total) * float(np.float32(s.threshold)) * ONE
            stages.append(_Stage(models[s.model], is_logits(logits, s.model), s.weight, total, cut, s.temperature or 1.0))
        return CascadeModule(stages, cascade.rule, cascade.confidence)

    def forward(self, x: torch.Tensor) -> CascadeOutput:
        """Answers a batch, [N, ...].

        Raises:
            ValueError: outputs of a model are no probabilities.
            RuntimeError: it is being traced.
        """
        if not torch.jit.is_scripting() and torch.jit.is_tracing():
            raise RuntimeError("a cascade cannot be traced: which samples a model runs on depends on the outputs before; use torch.jit.script")
        with torch.no_grad():
            n = x.size(0)
            active = torch.arange(n, device=x.device)
            sums = torch.zeros((0, 0), dtype=torch.int64, device=x.device)
            probabilities = torch.zeros((0, 0), dtype=torch.float32, device=x.device)
            classes = torch.zeros(n, dtype=torch.int64, device=x.device)
            confidences = torch.zeros(n, dtype=torch.float64, device=x.device)
            stages = torch.zeros(n, dtype=torch.int64, device=x.device)
            k = 0
            for stage in self.stages:
                if k == 0 or active.numel() > 0:
                    values = stage(x if active.numel() == n else x[active])
                    if self.rule == "vote":
                        values = torch.nn.functional.one_hot(_first(values), values.size(1)) * 16777216
                    if self.rule == "last":
                        sums = values
                    elif k == 0:
                        sums = values * stage.weight
                    else:
                        sums = sums + values * stage.weight
                    if k == 0:
                        probabilities = torch.zeros((n, values.size(1)), dtype=torch.float32, device=x.device)
                    answer = _first(sums)
                    confidence = _measure(self.confidence, sums, stage.total)
                    scale = float(stage.total) * 16777216.0
                    exits = confidence > stage.cut
                    done = active[exits]
                    probabilities[done] = (sums[exits].to(torch.float64) / scale).to(torch.float32)
                    classes[done] = answer[exits]
                    confidences[done] = confidence[exits] / scale
                    stages[done] = k + 1
                    active = active[~exits]
                    sums = sums[~exits]
                k += 1
            return CascadeOutput(probabilities, classes, confidences, stages)


class _Stage(torch.nn.Module):
    """A model, and what is done with its outputs."""

    def __init__(self, model: torch.nn.Module, logits: bool, weight: int, total: int, cut: float, temperature: float):
        super().__init__()
        self.model = model
        self.logits = logits
        self.weight = weight
        self.total = total  # weight of all stages so far
        self.cut = cut  # that confidences in fixed point, times that weight, must exceed; below 0 at the last stage
        self.temperature = temperature

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns probabilities in fixed point, [N, C] of int64."""
        p = self.model(x).to(torch.float32)
        if self.logits:
            p = torch.softmax(p, 1)
        if not bool(((p > -1e-8) & (p < 1.0002)).all()):
            raise ValueError("a model's outputs are no probabilities: they are not in [0, 1], or no numbers")
        if not self.logits:
            total = p.to(torch.float64).sum(1, keepdim=True)
            off = (total - 1.0).abs()
            if bool((off > 0.01).any()):
                raise ValueError("a model's outputs are no probabilities: they do not sum to 1")
            p = torch.where(off > 2e-5, (p.to(torch.float64) / total).to(torch.float32), p)
        rows = p.clamp(0.0, 1.0).to(torch.float16).to(torch.float64)
        if self.temperature != 1.0:
            rows = _at_temperature(rows, self.temperature)
        return (rows * 16777216.0).to(torch.int64)


def _at_temperature(rows: torch.Tensor, temperature: float) -> torch.Tensor:
    powers = torch.where(rows > 0.0, torch.exp(_log(rows.clamp(min=2.0**-24)) / temperature), torch.zeros_like(rows))
    scaled = (powers / powers.sum(1, keepdim=True)).to(torch.float32).to(torch.float16)
    top = _first(rows)
    moved = _first(scaled) != top
    # The answer stays where rounding makes another class as likely.
    largest = scaled.max(1)[0].to(torch.float64)
    last = (torch.frexp(largest)[1] - 11).clamp(min=-24).to(torch.float64)  # place of the last bit
    raised = (largest + torch.pow(2.0, last)).to(torch.float16)
    fix = moved.unsqueeze(1) & (torch.nn.functional.one_hot(top, rows.size(1)) > 0)
    return torch.where(fix, raised.unsqueeze(1), scaled).to(torch.float64)


def _first(values: torch.Tensor) -> torch.Tensor:
    """Returns the class of the largest value of each row, the lowest on a tie."""
    largest = values.max(1, keepdim=True)[0]
    order = torch.arange(values.size(1), 0, -1, device=values.device)
    return ((values == largest) * order).argmax(1)


def _measure(measure: str, sums: torch.Tensor, weight: int) -> torch.Tensor:
    """Measures sums in fixed point, times the weight, as float64."""
    if measure == "max" or (measure == "margin" and sums.size(1) == 1):
        return sums.max(1)[0].to(torch.float64)
    if measure == "margin":
        two = sums.topk(2, 1)[0]
        return (two[:, 0] - two[:, 1]).to(torch.float64)
    if sums.size(1) == 1:
        return torch.full([sums.size(0)], float(weight) * 16777216.0, dtype=torch.float64, device=sums.device)
    ordered = sums.sort(1, descending=True)[0].to(torch.float64)
    p = ordered / ordered.sum(1, keepdim=True)
    terms = torch.where(p > 0.0, -(p * _log(torch.where(p > 0.0, p, torch.ones_like(p)))), torch.zeros_like(p))
    entropy = terms.cumsum(1)[:, -1]
    whole = _log(torch.full([1], float(sums.size(1)), dtype=torch.float64, device=sums.device))
    return torch.floor((1.0 - entropy / whole).clamp(min=0.0) * 16777216.0) * float(weight)


def _log(x: torch.Tensor) -> torch.Tensor:
    """The logarithm that ``_outputs.log`` is."""
    f1, ki = torch.frexp(x)
    small = f1 < 0.7071067811865476
    f1 = torch.where(small, 2.0 * f1, f1)
    k = ki.to(torch.float64) - small.to(torch.float64)
    f = f1 - 1.0
    s = f / (2.0 + f)
    s2 = s * s
    s4 = s2 * s2
    t1 = s2 * (6.666666666666735130e-01 + s4 * (2.857142874366239149e-01 + s4 * (1.818357216161805012e-01 + s4 * 1.479819860511658591e-01)))
    t2 = s4 * (3.999999999940941908e-01 + s4 * (2.222219843214978396e-01 + s4 * 1.531383769920937332e-01))
    half = 0.5 * f * f
    return k * 6.93147180369123816490e-01 - ((half - (s * (half + (t1 + t2)) + k * 1.90821492927058770002e-10)) - f)
