"""Turns the weights of a supernet into one TorchScript file that runs any of its subnets.

export.py loads this for {"op": "supernet", ...}. A table, as package supernet reads and
checks it, says how the network is put together; docs/supernets.md describes tables, plans
and the methods of the file. The network keeps no state: cut returns a subnet's tensors,
which run and observe take.

What TorchScript asks for, beside types: lists grow by append alone (+= after a branch
loses elements), no name begins with a digit, and modules are not indexed.
"""
import argparse
import json
import os
import re
from typing import Dict, List, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS = ["", "relu", "relu6", "h-swish", "swish"]


def divisible(v: int) -> int:
    """The multiple of 8 that a number of channels becomes."""
    n = max(8, (v + 4) // 8 * 8)
    if 10 * n < 9 * v:
        n += 8
    return n


def activate(x: Tensor, kind: int) -> Tensor:
    """Applies the activation of that place in ACTIVATIONS, in place where gradients allow."""
    if kind == 1:
        return F.relu(x, inplace=True)
    if kind == 2:
        return F.relu6(x, inplace=True)
    if kind == 3:
        return (x * F.relu6(x + 3.0, inplace=True)).div_(6.0)
    if kind == 4:
        return x * torch.sigmoid(x)
    return x


def convolve(x: Tensor, w: Tensor, stride: int, groups: int) -> Tensor:
    pad = w.size(2) // 2
    return F.conv2d(x, w, None, [stride, stride], [pad, pad], [1, 1], groups)


def squeeze(x: Tensor) -> Tensor:
    return x.mean(3, keepdim=True).mean(2, keepdim=True)


def refuse_unless(ok: bool, place: int, plan: List[int]) -> None:
    if not ok:
        raise ValueError("plan: number {}, {}, is not one of this supernet".format(place + 1, plan[place]))


def parameter(places, key, *shape):
    """A parameter, filed by its name in published weights; an empty one without a name."""
    p = nn.Parameter(torch.empty(shape if key else (0,)))
    if key:
        places[key] = p
    return p


class Norm(nn.Module):
    def __init__(self, places: Dict[str, Tensor], prefix: str, width: int):
        super().__init__()
        self.weight = parameter(places, prefix and prefix + ".weight", width)
        self.bias = parameter(places, prefix and prefix + ".bias", width)
        for name in ("mean", "var"):
            self.register_buffer(name, torch.empty(width if prefix else 0))
            if prefix:
                places[f"{prefix}.running_{name}"] = getattr(self, name)

    def cut(self, n: int, weights: List[Tensor], statistics: List[Tensor]) -> None:
        weights.append(self.weight[:n])
        weights.append(self.bias[:n])
        statistics.append(self.mean[:n])
        statistics.append(self.var[:n])


class Shrink(nn.Module):
    """Makes kernels of k + 2 numbers a side kernels of k, by a matrix."""

    def __init__(self, places: Dict[str, Tensor], prefix: str, k: int):
        super().__init__()
        self.k = k
        self.weight = parameter(places, f"{prefix}.{k + 2}to{k}_matrix", k * k, k * k)

    def forward(self, w: Tensor) -> Tensor:
        inner = w[:, :, 1 : 1 + self.k, 1 : 1 + self.k].contiguous().view(-1, self.k * self.k)
        return F.linear(inner, self.weight).view(w.size(0), w.size(1), self.k, self.k)


class Block(nn.Module):
    """The weights of an inverted residual block."""

    def __init__(self, places: Dict[str, Tensor], prefix: str, table: dict, stage: dict, into: int):
        super().__init__()
        out, kernel, conv = max(stage["widths"]), max(stage["kernels"]), prefix + ".conv."
        self.expands = max(stage["expansions"]) > 1
        self.se = bool(stage.get("se"))
        self.pool = table["shortcut"] == "pool"
        self.kernel = kernel
        middle = divisible(into * max(stage["expansions"])) if self.expands else into
        expand = conv + "inverted_bottleneck." if self.expands else ""
        self.expand = parameter(places, expand and expand + "conv.weight", middle, into, 1, 1)
        self.expand_norm = Norm(places, expand and expand + "bn", middle)
        self.depth = parameter(places, conv + "depth_conv.conv.weight", middle, 1, kernel, kernel)
        smaller = [k for k in reversed(stage["kernels"]) if k < kernel and table["shrink"] == "matrix"]
        self.shrinks = nn.ModuleList(Shrink(places, conv + "depth_conv.conv", k) for k in smaller)
        self.depth_norm = Norm(places, conv + "depth_conv.bn", middle)
        reduced, fc = divisible(middle // 4), conv + "depth_conv.se.fc." if self.se else ""
        self.reduce = parameter(places, fc and fc + "reduce.weight", reduced, middle, 1, 1)
        self.reduce_bias = parameter(places, fc and fc + "reduce.bias", reduced)
        self.excite = parameter(places, fc and fc + "expand.weight", middle, reduced, 1, 1)
        self.excite_bias = parameter(places, fc and fc + "expand.bias", middle)
        self.project = parameter(places, conv + "point_linear.conv.weight", out, middle, 1, 1)
        self.project_norm = Norm(places, conv + "point_linear.bn", out)
        self.shortcut = parameter(places, prefix + ".shortcut.conv.weight" if self.pool else "", out, into, 1, 1)

    def depthwise(self, middle: int, kernel: int) -> Tensor:
        w = self.depth[:middle]
        for shrink in self.shrinks:
            if shrink.k >= kernel:
                w = shrink(w)
        start = (w.size(2) - kernel) // 2
        return w[:, :, start : start + kernel, start : start + kernel]

    def cut(self, into: int, kernel: int, expansion: int, out: int, weights: List[Tensor], statistics: List[Tensor]) -> None:
        middle = into
        if self.expands:
            middle = divisible(into * expansion)
            weights.append(self.expand[:middle, :into])
            self.expand_norm.cut(middle, weights, statistics)
        weights.append(self.depthwise(middle, kernel))
        self.depth_norm.cut(middle, weights, statistics)
        if self.se:
            reduced = divisible(middle // 4)
            weights.append(self.reduce[:reduced, :middle])
            weights.append(self.reduce_bias[:reduced])
            weights.append(self.excite[:middle, :reduced])
            weights.append(self.excite_bias[:middle])
        weights.append(self.project[:out, :middle])
        self.project_norm.cut(out, weights, statistics)
        if self.pool and into != out:
            weights.append(self.shortcut[:out, :into])


class Supernet(nn.Module):
    def __init__(self, table: dict, classes: int, largest: List[int]):
        super().__init__()
        places: Dict[str, Tensor] = {}
        stages, stem, head = table["stages"], table["stem"], table["head"]
        number = ACTIVATIONS.index
        # The choices, for check.
        self.resolutions: List[int] = table["resolutions"]
        self.stems: List[int] = stem["widths"]
        self.widths: List[List[int]] = [s["widths"] for s in stages]
        self.depths: List[List[int]] = [s["depths"] for s in stages]
        self.kernels: List[List[int]] = [s["kernels"] for s in stages]
        self.expansions: List[List[int]] = [s["expansions"] for s in stages]
        self.heads: List[int] = head["widths"]
        self.head_expand: int = (head.get("expand") or [0])[0]
        self.head_factor: int = head.get("factor", 0)
        self.by_stage: bool = table["genes"] == "stage"
        self.stem_stride: int = stem["stride"]
        self.stem_activation: int = number(stem["activation"])
        self.head_activation: int = number(head["activation"])
        self.mixes: bool = head["kind"] == "expand-mix"
        self.pool: bool = table["shortcut"] == "pool"
        self.resizes: bool = table["images"].get("input", 0) > 0
        self.eps: float = float(table["eps"])
        self.largest: List[int] = largest

        into = max(self.stems)
        self.stem = parameter(places, "first_conv.conv.weight", into, 3, 3, 3)
        self.stem_norm = Norm(places, "first_conv.bn", into)
        blocks, strides, activations = [], [], []
        for s in stages:
            for i in range(max(s["depths"])):
                blocks.append(Block(places, f"blocks.{len(blocks)}", table, s, into))
                into = max(s["widths"])
                strides.append(s["stride"] if i == 0 else 1)
                activations.append(number(s["activation"]))
        self.blocks = nn.ModuleList(blocks)
        # What run needs to know of each block.
        self.strides: List[int] = strides
        self.activations: List[int] = activations
        self.expands: List[bool] = [b.expands for b in blocks]
        self.se: List[bool] = [b.se for b in blocks]
        expand, mix = self.expanded(into), max(self.heads)
        name = "final_expand_layer" if self.mixes else ""
        self.final = parameter(places, name and name + ".conv.weight", expand, into, 1, 1)
        self.final_norm = Norm(places, name and name + ".bn", expand)
        self.mix = parameter(places, "feature_mix_layer.conv.weight", mix, expand if self.mixes else into, 1, 1)
        self.mix_norm = Norm(places, "" if self.mixes else "feature_mix_layer.bn", mix)
        self.linear = parameter(places, "classifier.linear.weight", classes, mix)
        self.linear_bias = parameter(places, "classifier.linear.bias", classes)
        self.__dict__["places"] = places  # not for the compiler

    def expanded(self, width: int) -> int:
        """The first width of the head, after a stage of some width."""
        return self.head_factor * width if self.head_factor > 0 else self.head_expand

    def check(self, plan: List[int]) -> None:
        """Raises unless every number of the plan is one of this supernet."""
        if len(plan) != 4 + 3 * len(self.strides):
            raise ValueError("a plan of {} numbers, and those of this supernet have {}".format(len(plan), 4 + 3 * len(self.strides)))
        refuse_unless(plan[0] in self.resolutions, 0, plan)
        refuse_unless(plan[1] in self.stems, 1, plan)
        at = 2
        width = 0
        for s in range(len(self.depths)):
            first = at
            depth = 0
            width = plan[first + 2]
            refuse_unless(width in self.widths[s], first + 2, plan)
            for b in range(max(self.depths[s])):
                if depth < b or plan[at] == 0 and b in self.depths[s]:
                    for j in range(3):
                        refuse_unless(plan[at + j] == 0, at + j, plan)
                else:
                    refuse_unless(plan[at] in self.kernels[s], at, plan)
                    refuse_unless(plan[at + 1] in self.expansions[s], at + 1, plan)
                    refuse_unless(plan[at + 2] == width, at + 2, plan)
                    if self.by_stage:
                        refuse_unless(plan[at] == plan[first], at, plan)
                        refuse_unless(plan[at + 1] == plan[first + 1], at + 1, plan)
                    depth += 1
                at += 3
            if depth not in self.depths[s]:
                raise ValueError("plan: stage {} has {} blocks, which it cannot have in this supernet".format(s + 1, depth))
        refuse_unless(plan[at] == self.expanded(width), at, plan)
        refuse_unless(plan[at + 1] in self.heads, at + 1, plan)

    @torch.jit.export
    def cut(self, plan: List[int]) -> Tuple[List[Tensor], List[Tensor]]:
        """The weights of a subnet, and its norms' stored means and variances."""
        self.check(plan)
        weights: List[Tensor] = []
        statistics: List[Tensor] = []
        width = plan[1]
        weights.append(self.stem[:width])
        self.stem_norm.cut(width, weights, statistics)
        at = 2
        for block in self.blocks:
            if plan[at] > 0:
                block.cut(width, plan[at], plan[at + 1], plan[at + 2], weights, statistics)
                width = plan[at + 2]
            at += 3
        if self.mixes:
            weights.append(self.final[: plan[at], :width])
            self.final_norm.cut(plan[at], weights, statistics)
            width = plan[at]
        weights.append(self.mix[: plan[at + 1], :width])
        if not self.mixes:
            self.mix_norm.cut(plan[at + 1], weights, statistics)
        weights.append(self.linear[:, : plan[at + 1]])
        weights.append(self.linear_bias)
        return weights, statistics

    @torch.jit.export
    def run(self, x: Tensor, plan: List[int], weights: List[Tensor], statistics: List[Tensor]) -> Tensor:
        """The logits of a subnet."""
        return self.walk(x, plan, weights, statistics, 0, [])

    @torch.jit.export
    def observe(self, x: Tensor, plan: List[int], weights: List[Tensor], unbiased: bool) -> List[Tensor]:
        """The logits of a subnet whose norms take the batch's statistics, and these: mean
        and variance of each norm. The variance that a batch is normalised with is the
        biased one; which one is returned is asked for."""
        seen: List[Tensor] = []
        logits = self.walk(x, plan, weights, [], 2 if unbiased else 1, seen)
        observed = [logits]
        observed.extend(seen)
        return observed

    def forward(self, x: Tensor) -> Tensor:
        """The logits of the largest subnet."""
        weights, statistics = self.cut(self.largest)
        return self.run(x, self.largest, weights, statistics)

    def sized(self, x: Tensor, resolution: int) -> Tensor:
        if x.size(2) == resolution and x.size(3) == resolution:
            return x
        if not self.resizes:
            raise ValueError("images of {}x{} for a subnet of {}x{}".format(x.size(2), x.size(3), resolution, resolution))
        return F.interpolate(x, size=[resolution, resolution], mode="bicubic", align_corners=False)

    def norm(self, x: Tensor, weights: List[Tensor], w: int, statistics: List[Tensor], s: int, observing: int, seen: List[Tensor]) -> Tensor:
        """Normalises by the weights from place w on and by the statistics from place s on,
        or by those of the batch, which are added to seen: 1 biased, 2 unbiased."""
        if observing == 0:
            return F.batch_norm(x, statistics[s], statistics[s + 1], weights[w], weights[w + 1], False, 0.0, self.eps)
        mean = torch.zeros_like(weights[w])
        var = torch.ones_like(weights[w])
        y = F.batch_norm(x, mean, var, weights[w], weights[w + 1], True, 1.0, self.eps)
        if observing == 1:
            n = x.numel() // x.size(1)
            var = var * (float(n - 1) / float(n))
        seen.append(mean)
        seen.append(var)
        return y

    def walk(self, x: Tensor, plan: List[int], weights: List[Tensor], statistics: List[Tensor], observing: int, seen: List[Tensor]) -> Tensor:
        x = convolve(self.sized(x, plan[0]), weights[0], self.stem_stride, 1)
        x = activate(self.norm(x, weights, 1, statistics, 0, observing, seen), self.stem_activation)
        w = 3  # the next of the weights
        s = 2  # and of the statistics
        for i in range(len(self.strides)):
            if plan[2 + 3 * i] == 0:
                continue
            stride = self.strides[i]
            activation = self.activations[i]
            y = x
            if self.expands[i]:
                y = convolve(y, weights[w], 1, 1)
                y = activate(self.norm(y, weights, w + 1, statistics, s, observing, seen), activation)
                w += 3
                s += 2
            y = convolve(y, weights[w], stride, y.size(1))
            y = activate(self.norm(y, weights, w + 1, statistics, s, observing, seen), activation)
            w += 3
            s += 2
            if self.se[i]:
                gate = F.relu(F.conv2d(squeeze(y), weights[w], weights[w + 1]), inplace=True)
                gate = F.conv2d(gate, weights[w + 2], weights[w + 3])
                y = y * F.relu6(gate + 3.0, inplace=True).div_(6.0)
                w += 4
            y = convolve(y, weights[w], 1, 1)
            y = self.norm(y, weights, w + 1, statistics, s, observing, seen)
            w += 3
            s += 2
            if self.pool:
                if stride > 1:
                    odd = x.size(3) % 2
                    x = F.avg_pool2d(x, [stride, stride], [stride, stride], [odd, odd])
                if x.size(1) != y.size(1):
                    x = convolve(x, weights[w], 1, 1)
                    w += 1
                x = y.add_(x)
            elif stride == 1 and x.size(1) == y.size(1):
                x = y.add_(x)
            else:
                x = y
        if self.mixes:
            x = convolve(x, weights[w], 1, 1)
            x = squeeze(activate(self.norm(x, weights, w + 1, statistics, s, observing, seen), self.head_activation))
            x = activate(convolve(x, weights[w + 3], 1, 1), self.head_activation)
            w += 4
        else:
            x = convolve(x, weights[w], 1, 1)
            x = squeeze(activate(self.norm(x, weights, w + 1, statistics, s, observing, seen), self.head_activation))
            w += 3
        return F.linear(x.flatten(1), weights[w], weights[w + 1])


# Published names of weights differ by what wraps a layer, and by whose training saved them.
WRAPPERS = (
    (".mobile_inverted_conv.", ".conv."),
    (".conv.conv.weight", ".conv.weight"),
    (".bn.bn.", ".bn."),
    ("classifier.linear.linear.", "classifier.linear."),
)
IGNORED = ("num_batches_tracked", "bn_tracking")


def plain(key):
    """A weight's name without wrappers."""
    for prefix in ("module.", "last_conv."):
        key = key[len(prefix) :] if key.startswith(prefix) else key
    for wrapped, bare in WRAPPERS:
        key = key.replace(wrapped, bare)
    return key


def unread(worker, err):
    """Why torch's safe loader did not read a file, and what to do."""
    found = re.search("WeightsUnpickler error: (.*)", str(err))
    reason = found.group(1) if found else worker.one_line(err)
    if found and not hasattr(torch.serialization, "add_safe_globals"):
        reason += f"; torch {torch.__version__} so reads hardly more than tensors, so export with torch 2.4 or newer (--python): this one runs its files"
    return reason


def is_torchscript(path):
    """Whether some torch.load would hand the file to torch.jit.load, as that of torch 1.13 does
    whatever it is told. It is looked at as torch.load looks at it."""
    with open(path, "rb") as f:
        if f.read(4) != b"PK\x03\x04":
            return False
    return "constants.pkl" in torch._C.PyTorchFileReader(path).get_all_records()


def read_weights(worker, path):
    """The tensors of a file, by plain names. Nothing that is pickled, and no TorchScript, is run."""
    if hasattr(torch.serialization, "add_safe_globals"):
        torch.serialization.add_safe_globals([argparse.Namespace])  # AttentiveNAS keeps its arguments
    try:
        scripted = is_torchscript(path)
        saved = None if scripted else torch.load(path, map_location="cpu", weights_only=True)
    except OSError as err:
        raise worker.Refused(f"{path}: {err.strerror or err}") from err
    except Exception as err:
        raise worker.Refused(f"{path} cannot be read as weights alone, and what else is pickled is not run: {unread(worker, err)}") from err
    if scripted:
        raise worker.Refused(f"{path} is TorchScript, which runs code when it is loaded; give what torch.save wrote of a state dict")
    for key in ("state_dict", "model_state_dict"):
        if isinstance(saved, dict) and isinstance(saved.get(key), dict):
            saved = saved[key]
            break
    if not isinstance(saved, dict) or not saved:
        raise worker.Refused(f"{path} holds no state dict")
    tensors = {}
    for key, value in saved.items():
        if not isinstance(key, str) or any(word in key for word in IGNORED):
            continue
        if not torch.is_tensor(value):
            raise worker.Refused(f"{path}: {key} is no tensor; a state dict is wanted, by itself or as state_dict or model_state_dict")
        if plain(key) in tensors:
            raise worker.Refused(f"{path}: two tensors are {plain(key)}")
        tensors[plain(key)] = value
    return tensors


def shown(words):
    words = sorted(words)
    return ", ".join(words[:20]) + (f" and {len(words) - 20} more" if len(words) > 20 else "")


def fill(worker, places, tensors, path):
    """Puts each tensor into its place, and refuses if there is one without the other."""
    wrong = {
        "has no place for": set(tensors) - set(places),
        "lacks": set(places) - set(tensors),
        "has another shape of": {
            f"{k} ({'x'.join(map(str, tensors[k].shape))}, not {'x'.join(map(str, p.shape))})"
            for k, p in places.items()
            if k in tensors and tensors[k].shape != p.shape
        },
    }
    complaints = [f"the table {what} {shown(keys)}" if what == "has no place for" else f"the file {what} {shown(keys)}" for what, keys in wrong.items() if keys]
    if complaints:
        raise worker.Refused(f"{path} is not a file of this supernet: " + "; ".join(complaints))
    for key, place in places.items():
        if not torch.isfinite(tensors[key]).all():
            raise worker.Refused(f"{path}: {key} has numbers that are not finite")
        place.copy_(tensors[key])


def randomize(places, seed):
    """Random weights under which no layer does nothing, for tests."""
    generator = torch.Generator().manual_seed(seed)
    normal = lambda p, std: p.copy_(torch.randn(p.shape, generator=generator) * std)
    for key, p in places.items():
        if key.endswith("_matrix"):
            normal(p, 0.1 / p.shape[0] ** 0.5)
            p.add_(torch.eye(p.shape[0]))
        elif p.dim() > 1:
            normal(p, p[0].numel() ** -0.5)
        elif key.endswith((".running_var", "bn.weight")):
            p.copy_(torch.rand(p.shape, generator=generator) + 0.5)
        else:
            normal(p, 0.1)


def initialize(places, seed):
    """Weights to begin training with: normal, by the number of inputs (He et al. 2015, section
    2.2); matrices that shrink kernels leave them as they are."""
    generator = torch.Generator().manual_seed(seed)
    for key, p in places.items():
        if key.endswith("_matrix"):
            p.copy_(torch.eye(p.shape[0]))
        elif key.endswith(("running_var", "bn.weight")):
            p.fill_(1)
        elif p.dim() > 1:
            gain = 0.01 if key.startswith("classifier") else (2 / p[0].numel()) ** 0.5
            p.copy_(torch.randn(p.shape, generator=generator) * gain)
        else:
            p.zero_()


def new_head(places, seed):
    """A classifier for other classes."""
    generator = torch.Generator().manual_seed(seed)
    weight = places["classifier.linear.weight"]
    weight.copy_(torch.randn(weight.shape, generator=generator) * 0.01)
    places["classifier.linear.bias"].zero_()


def build(worker, request):
    """The network with its weights."""
    table, classes, path = request["table"], request["classes"], request["weights"]
    tensors = read_weights(worker, path) if path else {}
    if not classes:
        head = tensors.get("classifier.linear.weight")
        if path and (head is None or head.dim() != 2):
            raise worker.Refused(f"{path} has no classifier.linear.weight; give the number of classes of a new head")
        classes = head.shape[0] if path else 1000
    elif path:
        tensors = {k: v for k, v in tensors.items() if not k.startswith("classifier.linear.")}
    net = Supernet(table, classes, request["largest"]).eval().requires_grad_(False)
    places = dict(net.places)
    if not path:
        (initialize if request["untrained"] else randomize)(places, request["seed"])
        return net, classes
    if request["classes"]:
        new_head(places, request["seed"])
        places = {k: v for k, v in places.items() if not k.startswith("classifier.linear.")}
    fill(worker, places, tensors, path)
    return net, classes


def check(worker, net, scripted, plans, side):
    """Compares the file with what it was made of, for some subnets."""
    generator = torch.Generator().manual_seed(1)
    for plan in plans:
        x = torch.randn(2, 3, *[side or plan[0]] * 2, generator=generator)
        cuts = [m.cut(plan) for m in (net, scripted)]
        for of in zip(*cuts):
            if [t.shape for t in of[0]] != [t.shape for t in of[1]] or not all(map(torch.equal, *of)):
                raise worker.Refused(f"compiled by torch {torch.__version__}, it cuts other tensors for the plan {plan}")
        a, b = (m.run(x, plan, *cut) for m, cut in zip((net, scripted), cuts))
        if a.shape != b.shape or not (a - b).abs().max().item() <= 1e-5 * a.abs().max().item():
            raise worker.Refused(f"compiled by torch {torch.__version__}, it gives other logits for the plan {plan}")


def export(worker, request):
    """Writes the file, and returns its metadata: what the request states, and the rest."""
    with torch.no_grad():
        net, classes = build(worker, request)
        meta = dict(
            request["meta"],
            format=worker.FORMAT,
            classes=classes,
            params=sum(p.numel() for p in net.parameters()),
            checkpoint=worker.checkpoint_hash(net),
            torch=torch.__version__,
        )
        # The places are not for the compiler, and it looks at all there is.
        del net.__dict__["places"]
        scripted = torch.jit.script(net)
        check(worker, net, scripted, request["plans"], request["table"]["images"].get("input", 0))
    temp = f"{request['out']}.{os.getpid()}.tmp"
    try:
        torch.jit.save(scripted, temp, _extra_files={"encas.json": json.dumps(meta).encode()})
        os.replace(temp, request["out"])
    finally:
        if os.path.exists(temp):
            os.remove(temp)
    return meta
