"""On a local Ray, which listens on the loopback address only."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")
pytest.importorskip("ray")
pytest.importorskip("torch")

import ray
from bundles import make
from ray import serve

from encas_zoo import load
from encas_zoo.ray import answers, application


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    ray.init(address="local", num_cpus=4, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False, object_store_memory=200 << 20)
    folder, images = make(tmp_path_factory.mktemp("ray"))
    yield folder, images, load(folder).predict(images)
    ray.shutdown()


def same(want, got, images):
    """Compares answers with those of Bundle.predict: models' last digits differ with the size of a batch."""
    for i, path in enumerate(images):
        g = got[str(path)]
        assert (g["class"], g["stage"], g["name"]) == (want.classes[i], want.stage[i], want.names[want.classes[i]])
        assert abs(g["confidence"] - want.confidence[i]) < 1e-3


def test_serve(local):
    folder, images, want = local
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    serve.start(http_options={"host": "127.0.0.1", "port": port}, proxy_location="HeadOnly")
    small = {"ray_actor_options": {"num_cpus": 0.25}}
    app = application(folder, batch_size=8, options={0: {**small, "num_replicas": 2}, 1: small, 2: small}, **small)
    handle = serve.run(app)
    assert {"cascade", "stage 1", "stage 2", "stage 3"} == set(serve.status().applications["default"].deployments)
    sent = [(p, handle.answer.remote(p.read_bytes())) for p in images]
    broken = handle.answer.remote(b"no image")  # in a batch with others, which have their answers
    same(want, {str(p): r.result(timeout_s=60) for p, r in sent}, images)
    with pytest.raises(Exception, match="cannot be read"):
        broken.result(timeout_s=60)

    def post(body):
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/", body), timeout=60) as r:
            return json.load(r)

    same(want, {str(p): post(p.read_bytes()) for p in images[:4]}, images[:4])
    with pytest.raises(urllib.error.HTTPError) as error:
        post(b"no image")
    assert error.value.code == 400 and "cannot be read" in json.load(error.value)["error"]
    serve.shutdown()


def test_data(local):
    folder, images, want = local
    table = [{"path": str(p), "more": n} for n, p in enumerate(images)]
    for column in ("path", "bytes", "pixels"):
        rows = []
        for row in table:
            if column == "bytes":
                row = {**row, "bytes": open(row["path"], "rb").read()}
            elif column == "pixels":
                from PIL import Image

                row = {**row, "pixels": np.asarray(Image.open(row["path"]).convert("RGB"))}
            rows.append({**row, "id": row["path"]})
        got = answers(ray.data.from_items(rows), folder, column=column, batch_size=10).take_all()
        same(want, {g["id"]: g for g in got}, images)
        assert {g["more"] for g in got} == set(range(len(images))) and column not in got[0]
