"""A bundle that the program wrote: Bundle.predict answers as the program does, and as the stored outputs say."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import shared

torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

import encas_zoo
from encas_zoo import load

ROUND_OFF = 1 / 1024  # of two outputs in float16 that were rounded differently


def program(*args, env=None):
    done = subprocess.run([str(encas_zoo.program()), *map(str, args), "--json"], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def readable(path):
    """Reports whether a file is an image: one of the photographs is cut short."""
    try:
        with Image.open(path) as i:
            i.load()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A zoo of three models of different input sizes over photographs, of which the names of two classes are known."""
    import os

    folder = tmp_path_factory.mktemp("engine")
    built = subprocess.run(
        [str(encas_zoo.program()), "shim", "build", "--shim", str(folder / "shim.so"), "--python", sys.executable], capture_output=True, text=True
    )
    if built.returncode != 0:  # no compiler, for example
        pytest.skip("the library that the program calls torch through cannot be compiled: " + built.stderr.strip().splitlines()[-1])
    env = {**os.environ, "ENCAS_TORCH_SHIM": str(folder / "shim.so")}
    try:
        photos = sorted(p for p in shared("jpegs").rglob("*") if p.suffix.lower() in (".jpg", ".jpeg") and readable(p))[:64]
    except pytest.skip.Exception:
        photos = []
    r = np.random.default_rng(5)
    for i in range(64):
        target = folder / "images" / ("cat" if i % 2 else "dog")
        target.mkdir(parents=True, exist_ok=True)
        if i < len(photos):
            shutil.copy(photos[i], target / f"{i:02}.jpg")
        else:
            small = Image.fromarray(r.integers(0, 256, (9, 8, 3), np.uint8))
            small.resize((70 + i, 120 - i), Image.Resampling.BICUBIC).save(target / f"{i:02}.{'png' if i % 3 else 'jpg'}")
    lines = []
    for name, size, more in (("small", (32, 32), ""), ("middle", (48, 64), "crop_pct=0.9 interpolation=bilinear"), ("large", (96, 96), "crop_mode=squash")):
        torch.manual_seed(size[0])
        net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, 2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(128, 2)).eval()
        with torch.no_grad():  # so that answers differ
            net[-1].weight *= 8
            net[-1].bias -= net(torch.randn(64, 3, 1, 1) + 0.5 * torch.randn(64, 3, *size)).mean(0)
        torch.jit.trace(net, torch.rand(2, 3, *size)).save(str(folder / f"{name}.pt"))
        lines.append(f"{name}.pt size={size[0]}x{size[1]} gflops={size[0]} {more}\n")
    (folder / "list.txt").write_text("".join(lines))
    try:
        program("ingest", folder / "list.txt", "--data", folder / "images", "--zoo", folder / "zoo", "--device", "cpu", env=env)
    except AssertionError as e:
        if "torch" in str(e) and "cannot" in str(e):
            pytest.skip(str(e))
        raise
    program("optimize", "--zoo", folder / "zoo", "--algorithm", "greedy", "--out", folder / "run")
    return folder, env


@pytest.mark.parametrize("text", ["small@0.6,middle@0.7,large", "vote:small@1,middle@0.9,large", "margin:last:small@0.3,large*2@0.4,middle", "entropy:small*2@0.2,middle@0.2,small"])
def test_everybody_answers_the_same(work, tmp_path, text):
    folder, env = work
    program("export", folder / "run", "--cascade", text, "--zoo", folder / "zoo", "--format", "bundle", "--out", tmp_path / "bundle")
    split = program("zoo", "info", "--zoo", folder / "zoo")["splits"][0]["name"]
    program("evaluate", "--zoo", folder / "zoo", "--split", split, "--cascade", text, "--answers", tmp_path / "stored.csv")
    program("run", tmp_path / "bundle", "--data", folder / "images", "--device", "cpu", "--out", tmp_path / "run.csv", env=env)

    b = load(tmp_path / "bundle")
    assert b.cascade.text == text and b.classes == ("cat", "dog")
    with open(tmp_path / "stored.csv", newline="") as f:
        ids = [row["id"] for row in csv.DictReader(f)]
    answers = b.predict([folder / "images" / i for i in ids], batch_size=7)
    answers.ids = ids
    answers.to_csv(tmp_path / "python.csv")
    assert len(set(answers.stage)) >= 2
    for other in ("stored.csv", "run.csv"):
        done = subprocess.run(
            [str(encas_zoo.program()), "diff", str(tmp_path / other), str(tmp_path / "python.csv"), "--tolerance", "1e-6", "--first", "100", "--json"],
            capture_output=True, text=True,
        )
        d = json.loads(done.stdout)
        assert d["samples"] == len(ids) and d["only_first"] == d["only_second"] == 0
        # A confidence within a rounding of its threshold may decide either way; there are few.
        near = {i for i, a in zip(ids, answers.confidence) for s in b.cascade.stages if s.threshold is not None and abs(a - s.threshold) < ROUND_OFF}
        apart = [p for p in d["apart"] if p["first"]["id"] not in near]
        assert all(p["first"]["class"] == p["second"]["class"] and p["first"]["stage"] == p["second"]["stage"] for p in apart), apart
        assert d["largest"] < 4 * ROUND_OFF and len(apart) <= len(ids) / 4


def test_triton(work, tmp_path):
    """The model repository follows Triton's own grammar, and its model of the Python backend answers as the bundle does."""
    import importlib

    model_config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    from google.protobuf import json_format, text_format

    folder, _ = work
    text = "small@0.6,middle*2@0.7,small@0.7,large"
    common = ("--cascade", text, "--zoo", folder / "zoo")
    program("export", folder / "run", *common, "--format", "bundle", "--out", tmp_path / "bundle")
    repository = tmp_path / "repository"
    program("export", folder / "run", *common, "--format", "triton", "--out", repository)
    assert sorted(p.name for p in repository.iterdir()) == ["cascade", "stage_1", "stage_2", "stage_4"]
    configs = {}
    for path in repository.iterdir():
        c = text_format.Parse((path / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
        assert c.name == path.name and c.max_batch_size == 32
        assert c.backend == ("python" if path.name == "cascade" else "pytorch")
        assert (path / "1" / ("model.py" if path.name == "cascade" else "model.pt")).is_file()
        configs[path.name] = c
    assert list(configs["stage_2"].input[0].dims) == [3, 48, 64] and list(configs["stage_2"].output[0].dims) == [2]

    import triton_python_backend_utils as backend

    backend.REPOSITORY = repository
    backend.BATCHES.clear()
    source = (repository / "cascade" / "1" / "model.py").read_text()
    scope = {}
    exec(source, scope)
    model = scope["TritonPythonModel"]()
    config = json_format.MessageToDict(configs["cascade"], preserving_proto_field_name=True)
    model.initialize({"model_repository": str(repository / "cascade"), "model_version": "1", "model_config": json.dumps(config)})

    images = sorted(p for p in (folder / "images").rglob("*") if p.is_file())
    want = load(tmp_path / "bundle").predict(images)
    parts = [images[:1], images[1:40], [], images[40:]]
    requests = [
        backend.InferenceRequest(model_name="cascade", requested_output_names=[], inputs=[backend.Tensor("image", np.array([[p.read_bytes()] for p in part], object).reshape(-1, 1))])
        for part in parts
    ]
    broken = backend.InferenceRequest(model_name="cascade", requested_output_names=[], inputs=[backend.Tensor("image", np.array([[b"no image"]], object))])
    responses = model.execute([requests[0], broken, *requests[1:]])
    assert "cannot be read" in responses.pop(1).error().message()
    got = {o.name: np.concatenate([backend.get_output_tensor_by_name(r, o.name).as_numpy() for r in responses])[:, 0] for o in configs["cascade"].output}
    near = np.zeros(len(images), bool)
    for s in load(tmp_path / "bundle").cascade.stages[:-1]:
        near |= np.abs(want.confidence - s.threshold) < ROUND_OFF
    assert ((got["class"] == want.classes) & (got["stage"] == want.stage) | near).all() and len(set(want.stage)) >= 2
    assert (np.abs(got["confidence"] - want.confidence) < 4 * ROUND_OFF)[~near].all()
    assert set(got["name"]) <= {"cat", "dog"} and got["class"].dtype == np.int32
    assert backend.BATCHES[:2] == [("stage_1", 32), ("stage_1", len(images) - 32)] and all(m != "stage_3" for m, _ in backend.BATCHES)
