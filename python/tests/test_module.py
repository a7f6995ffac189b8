from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from encas_zoo import Cascade, InputError, Stage
from encas_zoo import _module, _outputs


class Linear(torch.nn.Module):
    """Logits of seven classes, surer with a larger scale."""

    def __init__(self, scale: float):
        super().__init__()
        self.linear = torch.nn.Linear(8, 7)
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) * self.scale


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    return {"a": Linear(2.0), "b": Linear(4.0), "c": Linear(8.0)}


def cascade(rule, confidence, temperature=None):
    if rule == "vote":
        return Cascade((Stage("a", 1, 1.0, temperature=temperature), Stage("b", 1, 0.6), Stage("c", 1, 0.2), Stage("a", 2)), rule, confidence)
    threshold = 0.5 if confidence == "max" else 0.3
    return Cascade((Stage("a", 1, threshold, temperature=temperature), Stage("b", 2, 0.6), Stage("a", 1, 0.4, temperature=temperature), Stage("c", 1)), rule, confidence)


@pytest.mark.parametrize("rule,confidence,temperature", list(itertools.product(["mean", "last", "vote"], ["max", "margin", "entropy"], [None, 1.7, 0.3])))
def test_a_module_answers_as_its_cascade(models, rule, confidence, temperature):
    """To the last bit, as it is and scripted."""
    torch.manual_seed(1)
    x = torch.randn(500, 8)
    c = cascade(rule, confidence, temperature)
    outputs = {m: torch.softmax(f(x).detach(), 1) for m, f in models.items()}
    want, rows = c.answers(outputs), c.predict_proba(outputs)
    module = c.to_torch(models)
    for m in (module, torch.jit.script(module)):
        out = m(x)
        assert (out.classes.numpy() == want.classes).all() and (out.stage.numpy() == want.stage).all()
        assert (out.confidence.numpy() == want.confidence).all()
        assert np.abs(out.probabilities.numpy() - rows).max() < 1e-7
    ready = c.to_torch({m: torch.nn.Sequential(f, torch.nn.Softmax(1)) for m, f in models.items()}, logits=False)
    assert (ready(x).confidence.numpy() == want.confidence).all()


def test_later_models_run_on_the_rest_of_the_batch(models):
    seen = []

    class Watched(torch.nn.Module):
        def __init__(self, name):
            super().__init__()
            self.inner, self.name = models[name], name

        def forward(self, x):
            seen.append((self.name, len(x), torch.is_grad_enabled()))
            return self.inner(x)

    x = torch.randn(300, 8)
    c = cascade("last", "max")
    out = c.to_torch({m: Watched(m) for m in models})(x)
    reach = [int((out.stage > k).sum()) for k in range(4)]
    assert seen == [(s.model, n, False) for s, n in zip(c.stages, reach)] and reach[3] > 0
    seen.clear()
    sure = Cascade((Stage("a", 1, 0.0), Stage("b")))
    sure.to_torch({m: Watched(m) for m in models})(x)
    assert [name for name, _, _ in seen] == ["a"]
    assert len(sure.to_torch(models)(x[:0]).classes) == 0


def test_a_scripted_module_is_saved(models, tmp_path):
    c = cascade("mean", "max")
    torch.jit.script(c.to_torch(models)).save(str(tmp_path / "cascade.pt"))
    x = torch.randn(50, 8)
    assert torch.equal(torch.jit.load(str(tmp_path / "cascade.pt"))(x).confidence, c.to_torch(models)(x).confidence)


def test_a_trace_is_refused(models):
    """It would keep which samples ran on which model."""
    with pytest.raises(RuntimeError, match="cannot be traced.*use torch.jit.script"):
        torch.jit.trace(cascade("mean", "max").to_torch(models), torch.randn(10, 8))

    class Around(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cascade = torch.jit.script(cascade("mean", "max").to_torch(models))

        def forward(self, x):
            return self.cascade(x).classes

    x = torch.randn(50, 8)
    assert torch.equal(torch.jit.trace(Around(), torch.randn(10, 8))(x), cascade("mean", "max").to_torch(models)(x).classes)


@pytest.mark.skipif(not hasattr(torch, "export"), reason="needs torch 2.1 or later")
def test_export_is_refused(models):
    """Which samples a model runs on depends on the outputs before."""
    with pytest.raises(RuntimeError, match="data-dependent|[Dd]ynamic control flow"):
        torch.export.export(cascade("mean", "max").to_torch(models), (torch.randn(10, 8),))


def test_refusals(models):
    c = cascade("mean", "max")
    with pytest.raises(InputError, match="the model 'c'"):
        c.to_torch({"a": models["a"], "b": models["b"]})
    for module, logits in [(torch.nn.Identity(), False), (torch.nn.Threshold(9e9, float("nan")), True)]:
        with pytest.raises(ValueError, match="no probabilities"):
            Cascade((Stage("x"),)).to_torch({"x": module}, logits=logits)(torch.full((2, 3), 2.0))
    with pytest.raises(ValueError, match="sum to 1"):
        Cascade((Stage("x"),)).to_torch({"x": torch.nn.Identity()}, logits=False)(torch.full((2, 3), 0.25))


def test_temperatures_are_numpy_s():
    r = np.random.default_rng(1)
    rows = np.concatenate([r.dirichlet(np.ones(3) * 50, 50_000), [[0.5, 0.5, 0], [0, 0, 1]]]).astype(np.float16)
    for t in (20.0, 1.3, 0.1):
        got = torch.jit.script(_module._at_temperature)(torch.from_numpy(rows.astype(float)), t).numpy()
        assert (got == _outputs.at_temperature(rows, t)).all()


def test_tensors_are_outputs(models):
    x = torch.randn(40, 8)
    c = cascade("mean", "max")
    want = c.answers({m: f(x).detach().numpy() for m, f in models.items()}, logits=True)
    got = c.answers({m: f(x) for m, f in models.items()}, logits=True)
    assert (got.confidence == want.confidence).all()
    got = c.answers(models, x, logits=True)
    assert (got.classes == want.classes).all() and np.abs(got.confidence - want.confidence).max() < 1e-3
