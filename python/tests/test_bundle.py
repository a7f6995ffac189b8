from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import pytest

from encas_zoo import load

STAGES = [
    # size, crop_pct, crop_mode, interpolation, outputs, classes of the model
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


def test_a_cascade_without_files(tmp_path):
    """That of an imported zoo runs functions."""
    b = load(write(tmp_path / "b"))
    c = b.cascade
    assert c.text == "a@0.62,b*2" and c.stages[1].temperature == 1.5 and b.classes == c.names == ("ant", "bee", "cat", "dog")
    assert c.expected.high == 0.9 and c.test.accuracy == 0.8 and c.searched.reach == (100, 50) and b.promise["reach"] == [50, 25] and b.certified == []
    assert c.predict({"a": np.eye(4)[[0, 1]], "b": np.eye(4)[[2, 3]]}).tolist() == [0, 1]
    with pytest.raises(ValueError, match="imported"):
        b.transform("a")
    (tmp_path / "b" / "classes.txt").unlink()
    assert load(tmp_path / "b").classes is None


def test_damage(tmp_path):
    with pytest.raises(FileNotFoundError, match="not a bundle"):
        load(tmp_path)
    for more, words in [
        ({"format": "front"}, "no cascade"), ({"version": 2}, "newer"), ({"classes": 3}, "classes.txt has 4 names"), ({"rule": "median"}, "rule"),
        ({"stages": [{"model": "a"}]}, "damaged"), ({"stages": []}, "at least one stage"), ({"stages": 3}, "damaged"),
    ]:
        with pytest.raises(ValueError, match=words):
            load(write(tmp_path / "b", **more))
    (tmp_path / "b" / "cascade.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        load(tmp_path / "b")


def stage(path="models/a.pt", **more):
    return {
        "model": "a", "weight": 1, "cost": 1.0, "reach": 1.0, "file": {"path": path, "bytes": 1, "sha256": "0" * 64}, "origin": {},
        "input": {"height": 8, "width": 8, "crop_pct": 1, "crop_mode": "center", "interpolation": "bicubic", "mean": [0, 0, 0], "std": [1, 1, 1]},
        "outputs": {"activation": "softmax"}, "precision": "fp32", **more,
    }


@pytest.mark.parametrize("path", ["/etc/passwd", "../a.pt", "models/../../a.pt", "models/..", "a.pt", "models/x/a.pt", "models\\..\\a.pt"])
def test_no_path_leads_out(tmp_path, path):
    with pytest.raises(ValueError, match="is not in models"):
        load(write(tmp_path / "b", [stage(path)]))


def test_files_are_checked(tmp_path):
    folder = write(tmp_path / "b", [stage()])
    (folder / "models").mkdir()
    b = load(folder)
    with pytest.raises(FileNotFoundError):
        b.read_model("a")
    file = folder / "models" / "a.pt"
    file.write_bytes(b"xy")
    with pytest.raises(ValueError, match="2 bytes instead of 1"):
        b.read_model(0)
    file.write_bytes(b"x")
    with pytest.raises(ValueError, match="SHA-256"):
        b.read_model("a")
    (folder / "models" / "b.pt").write_bytes(b"x")
    file.unlink()
    os.symlink(folder / "models" / "b.pt", file)
    with pytest.raises(ValueError, match="link"):
        b.read_model("a")
    with pytest.raises(KeyError, match="no model 'z'"):
        b.read_model("z")
    for bad in ({"outputs": {"activation": "relu"}}, {"precision": "int8"}, {"outputs": {"activation": "softmax", "class_map": [9]}}):
        with pytest.raises(ValueError, match="activation|precision|classes"):
            load(write(tmp_path / "c", [stage(**bad)]))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Three TorchScript models of different input sizes, and 24 images."""
    torch = pytest.importorskip("torch")
    Image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("bundle") / "b"
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
    return load(folder), sorted(images.iterdir())


def by_hand(b, i, path):
    """Runs stage i on one image, as infer/imaging and ingest/activation.go describe it."""
    import torch
    from PIL import Image

    s = b.json["stages"][i]
    x = b.transform(i)(Image.open(path))
    assert x.shape == (3, s["input"]["height"], s["input"]["width"]) and x.dtype == torch.float32
    out = torch.jit.load(str(b.folder / s["file"]["path"]))(x[None]).detach().double()[0]
    if i == 0:
        p = torch.softmax(out, 0)
    elif i == 1:
        p = torch.softmax(out[1:], 0)
        p = torch.stack([p[0], p[1], p[2], p[3] + p[4]])
    else:
        p = torch.sigmoid(out)[[3, 1, 0, 2]]
        p = p / p.sum()
    return p.numpy().astype(np.float16)


def test_predict(bundle):
    b, images = bundle
    got = b.predict(images, batch_size=5, window=11)
    assert len(set(got.stage)) == 3 and got.ids == [str(i) for i in images] and got.names == ("ant", "bee", "cat", "dog")
    rows = {f"m{i}": np.stack([by_hand(b, i, p) for p in images]) for i in range(3)}
    want = b.cascade.answers(rows)
    assert (got.classes == want.classes).all() and (got.stage == want.stage).all() and (got.cost == want.cost).all()
    assert np.abs(got.confidence - want.confidence).max() < 1e-3  # a float16 that was rounded the other way
    from PIL import Image

    again = b.predict([Image.open(i) for i in images], batch_size=64)
    assert (again.stage == got.stage).all() and np.abs(again.confidence - got.confidence).max() < 1e-3
    assert len(b.predict([])) == 0
    assert len(b.models()) == 3 and b.models() is b.models()


def test_transforms_are_torchvision_s(bundle):
    transforms = pytest.importorskip("torchvision.transforms")
    from PIL import Image

    b, images = bundle
    norm = [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    theirs = [
        transforms.Compose([transforms.Resize(27, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(24), *norm]),
        transforms.Compose([transforms.Resize((35, 44), transforms.InterpolationMode.BILINEAR), transforms.CenterCrop((32, 40)), *norm]),
    ]
    for i, transform in enumerate(theirs):
        for path in images:
            image = Image.open(path).convert("RGB")
            assert (transform(image) == b.transform(i)(image)).all()


def test_without_torch(bundle, monkeypatch):
    import sys

    b, images = bundle
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install 'encas-zoo\[torch\]'"):
        load(b.folder).predict(images)
