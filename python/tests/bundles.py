"""A bundle of three TorchScript models of different input sizes, and images."""

from __future__ import annotations

import hashlib
import json

import numpy as np

STAGES = [
    # size, crop_pct, crop_mode, interpolation, outputs, outputs of the model
    (24, 0.875, "center", "bicubic", {"activation": "softmax"}, 4),
    ((32, 40), 0.9, "squash", "bilinear", {"activation": "softmax", "class_map": [-1, 0, 1, 2, 3, 3]}, 6),
    (48, 1.0, "border", "lanczos", {"activation": "sigmoid", "order": [3, 1, 0, 2]}, 4),
]


def write(folder, stages=None, **more):
    """Writes cascade.json, with stages without models' files by default."""
    stages = stages if stages is not None else [
        {"model": "a", "weight": 1, "threshold": 0.62, "cost": 1.0, "reach": 1.0},
        {"model": "b", "weight": 2, "cost": 4.0, "reach": 0.5, "temperature": 1.5},
    ]
    cascade = {
        "format": "encas-zoo cascade", "version": 1, "cascade": "a@0.62,b*2", "rule": "mean", "confidence": "max", "classes": 4, "cost": "gflops",
        "stages": stages, "expected": {"accuracy": 0.8, "accuracy_95": [0.7, 0.9]},
        "measured": {"split": "search", "split_fingerprint": "0" * 64, "n": 100, "correct": 82, "accuracy": 0.82, "cost": 3.0, "worst_cost": 5.0},
        "zoo_fingerprint": "0" * 64, "number": 3,
        "promise": {"split": "test", "n": 50, "correct": 40, "accuracy": 0.8, "accuracy_95": [0.67, 0.89], "cost": 3.0, "reach": [50, 25]}, **more,
    }
    folder.mkdir(exist_ok=True)
    (folder / "cascade.json").write_text(json.dumps(cascade))
    (folder / "classes.txt").write_text("ant\nbee\ncat\ndog\n")
    return folder


def stage(path="models/a.pt", **more):
    return {
        "model": "a", "weight": 1, "cost": 1.0, "reach": 1.0, "file": {"path": path, "bytes": 1, "sha256": "0" * 64}, "origin": {},
        "input": {"height": 8, "width": 8, "crop_pct": 1, "crop_mode": "center", "interpolation": "bicubic", "mean": [0, 0, 0], "std": [1, 1, 1]},
        "outputs": {"activation": "softmax"}, "precision": "fp32", **more,
    }


def make(parent):
    """Writes the bundle and 24 images; returns the folder and their paths."""
    import torch
    from PIL import Image

    folder = parent / "b"
    (folder / "models").mkdir(parents=True)
    torch.manual_seed(3)
    stages = []
    for i, (size, crop_pct, mode, interpolation, outputs, width) in enumerate(STAGES):
        height, wide = size if isinstance(size, tuple) else (size, size)
        net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5, stride=3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(16, width))
        with torch.no_grad():
            net[-1].weight.mul_(12)
        path = folder / "models" / f"m{i}.pt"
        torch.jit.trace(net, torch.zeros(1, 3, height, wide)).save(str(path))
        data = path.read_bytes()
        threshold = {} if i == 2 else {"threshold": [0.55, 0.5][i]}
        stages.append(stage(f"models/m{i}.pt", model=f"m{i}", weight=1 + i, cost=4.0**i, reach=0.5**i, outputs=outputs, **threshold))
        stages[-1]["file"].update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        stages[-1]["input"].update(height=height, width=wide, crop_pct=crop_pct, crop_mode=mode, interpolation=interpolation, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
    write(folder, stages, cascade="m0@0.55,m1*2@0.5,m2*3", promise=None)
    r = np.random.default_rng(1)
    images = folder.parent / "images"
    images.mkdir()
    for i in range(24):
        small = r.integers(0, 256, (6, 7, 3 if i % 4 else 1), np.uint8)
        picture = Image.fromarray(small.squeeze()).resize((40 + 3 * i, 90 - 2 * i), Image.Resampling.BICUBIC)
        picture.save(images / f"{i:02}.{'png' if i % 2 else 'jpg'}")
    return folder, sorted(images.iterdir())
