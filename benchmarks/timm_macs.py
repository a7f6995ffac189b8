"""Counts the multiply-adds of every model of the ENCAS list and compares them with
the GMACs timm published, which were counted by fvcore.

    python3 timm_macs.py ../ingest/encas518.txt timm_catalog.csv > timm-macs.csv

Needs timm and torch. Models are made on the meta device: shapes without weights or
arithmetic, so that the largest need no memory, and counted as they are in Python;
`go run ./benchmarks/macs` then counts them from exported files and keeps these counts
in gmacs_eager. What is counted is what the shim counts, with fused attention off: gmacs
has convolutions and matrix products, gmacs_fvcore norms and adaptive pooling too, by
fvcore's rules.
"""
import csv
import os
import sys

os.environ["TIMM_FUSED_ATTN"] = "0"

import timm
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


class Count(TorchDispatchMode):
    """Adds up the multiply-adds of the operations dispatched."""

    def __init__(self):
        super().__init__()
        self.macs = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket._qualified_op_name
        if name == "aten::convolution":
            x, weight, transposed = args[0], args[1], args[6]
            positions = (x if transposed else out).shape
            self.macs += positions[0] * positions[2:].numel() * weight.numel()
        elif name in ("aten::mm", "aten::bmm"):
            self.macs += args[0].numel() * args[1].shape[-1]
        elif name in ("aten::addmm", "aten::baddbmm"):
            self.macs += args[1].numel() * args[2].shape[-1]
        elif "scaled_dot_product" in name:
            raise RuntimeError("fused attention")
        return out


class Extra(TorchFunctionMode):
    """Adds up what fvcore counts besides."""

    def __init__(self):
        super().__init__()
        self.ops = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        named = lambda i, key: args[i] if len(args) > i else kwargs.get(key)
        name = getattr(func, "__name__", "")
        if name == "batch_norm":
            affine = named(3, "weight") is not None
            factor = 4 + affine if named(5, "training") else 1 + affine
            self.ops += args[0].numel() * factor
        elif name in ("layer_norm", "group_norm"):
            self.ops += args[0].numel() * (4 + (named(2, "weight") is not None))
        elif name == "adaptive_avg_pool2d":
            self.ops += args[0].numel()
        return func(*args, **kwargs)


def entries(path):
    """The list's lines as (timm name, overrides)."""
    for line in open(path):
        words = line.split("#")[0].split()
        if words:
            yield words[0], dict(w.split("=", 1) for w in words[1:])


def count(name, size):
    with torch.device("meta"):
        try:
            model = timm.create_model(name, img_size=size)
        except TypeError:
            model = timm.create_model(name)
        model.eval()
        with torch.no_grad(), Count() as counted, Extra() as extra:
            model(torch.empty(1, 3, size, size))
    return counted.macs / 1e9, (counted.macs + extra.ops) / 1e9, sum(p.numel() for p in model.parameters()) / 1e6


def compare(name, gmacs, published):
    """The ratio, and a remark where it is more than 1 % off."""
    ratio = gmacs / published
    note = ""
    if abs(ratio - 1) > 0.01:
        if abs(gmacs - published) <= 0.005:
            note = "equal to the published two decimals"
        elif name.startswith("convmixer"):
            note = "published without the convolutions of padding 'same', which fvcore did not see"
        else:
            note = "differs"
    return f"{ratio:.4f}", note


def main():
    with open(sys.argv[2], newline="") as f:
        published = {r["model"]: r for r in csv.DictReader(f) if r["in_encas_518"] == "1"}
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["model", "timm_name", "image_size", "params_m", "gmacs", "gmacs_fvcore", "gmacs_eager", "published_gmacs", "ratio", "counted", "note"])
    for name, options in entries(sys.argv[1]):
        row = published.pop(options["name"])
        size = int(row["gmacs_img_size"] or options["size"])
        try:
            gmacs, fvcore, params = count(name, size)
            ratio, note = compare(name, fvcore, float(row["gmacs"]))
            out.writerow([row["model"], name, size, f"{params:.2f}", f"{gmacs:.4f}", f"{fvcore:.4f}", f"{fvcore:.4f}", row["gmacs"], ratio, "meta device", note])
        except Exception as err:
            text = (str(err) or repr(err)).strip().splitlines()[0]
            out.writerow([row["model"], name, size, "", "", "", "", row["gmacs"], "", "", f"{type(err).__name__}: {text}"])
        sys.stdout.flush()
    for name, row in published.items():
        out.writerow([name, "", row["img_size"], "", "", "", "", row["gmacs"], "", "", "not in today's timm"])


main()
