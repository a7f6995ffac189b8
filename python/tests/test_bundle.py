from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
from bundles import make, stage, write

from encas_zoo import InputError, load


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
    text = (write(tmp_path / "b") / "cascade.json").read_text().replace("{", '{"classes_sha256": "%s", ' % hashlib.sha256(b"ant\nbee\ncat\ndog\n").hexdigest(), 1)
    sealed = '{"checksum": "%s",%s' % (hashlib.sha256(text.encode()).hexdigest(), text[1:])
    for name, content, words in [
        ("cascade.json", sealed, None), ("cascade.json", sealed.replace("0.62", "0.63"), "checksum is wrong"), ("cascade.json", sealed, None),
        ("classes.txt", "ant\nbee\ncow\ndog\n", "is not what was written"), ("classes.txt", None, "is missing"),
    ]:
        (tmp_path / "b" / name).unlink()
        if content is not None:
            (tmp_path / "b" / name).write_text(content)
        if words is None:
            load(tmp_path / "b")
            continue
        with pytest.raises(ValueError, match=words):
            load(tmp_path / "b")
    (tmp_path / "b" / "cascade.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        load(tmp_path / "b")


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
    with pytest.raises(InputError, match="no model 'z'"):
        b.read_model("z")
    for bad in ({"outputs": {"activation": "relu"}}, {"precision": "int8"}, {"outputs": {"activation": "softmax", "class_map": [9]}}):
        with pytest.raises(ValueError, match="activation|precision|classes"):
            load(write(tmp_path / "c", [stage(**bad)]))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    pytest.importorskip("torch")
    pytest.importorskip("PIL.Image")
    folder, images = make(tmp_path_factory.mktemp("bundle"))
    return load(folder), images


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
    cut = images[1].read_bytes()[:-200]
    for broken, words in [(cut, "image 1: it cannot be read"), (np.zeros(3, np.uint8), "image 1: it cannot be read"), (b"", "image 1"), (b.folder / "cascade.json", "cascade.json: it cannot be read")]:
        with pytest.raises(ValueError, match=words):
            b.predict([images[0], broken], batch_size=1)
    with pytest.raises(FileNotFoundError, match="none.jpg"):
        b.predict(["none.jpg"])
    for images in (images[0].parent, [str(images[0].parent)]):
        with pytest.raises(ValueError, match=r"images: it cannot be read \(it is a folder: pass the paths of its images, such as sorted\(pathlib.Path\('.*images'\).iterdir"):
            b.predict(images)
    assert len(b.models()) == 3 and b.models() is b.models()


def test_predict_of_one_image(bundle):
    b, images = bundle
    from PIL import Image

    opened = Image.open(images[1]).convert("RGB")
    want = b.predict([images[1]])
    for image in (images[1], str(images[1]), images[1].read_bytes(), opened, np.asarray(opened)):
        got = b.predict(image)
        assert len(got) == 1 and got.classes == want.classes and got.confidence == want.confidence
    assert b.predict(str(images[1])).ids == [str(images[1])]
    with pytest.raises(FileNotFoundError, match="'photos'"):
        b.predict("photos")


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
