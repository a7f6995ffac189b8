"""Files of one small supernet's weights, as others save them, and damaged ones.

supernet_weights.py SUPERNET_PY TABLE FOLDER
"""
import argparse
import importlib.util
import json
import os
import pickle
import sys
from typing import Tuple

import torch

spec = importlib.util.spec_from_file_location("supernet", sys.argv[1])
supernet = importlib.util.module_from_spec(spec)
spec.loader.exec_module(supernet)
with open(sys.argv[2]) as f:
    table = json.load(f)
net = supernet.Supernet(table, 7, [])
with torch.no_grad():
    supernet.randomize(net.places, 1)
good = {k: v.detach() for k, v in net.places.items()}


def save(name, value):
    torch.save(value, os.path.join(sys.argv[3], name))


def renamed(change):
    return {change(k): v for k, v in good.items()}


def wrapped(key):
    """As OFA's and AttentiveNAS's own modules name them."""
    if ".conv." in key and key.startswith("blocks."):
        head, tail = key.split(".conv.", 1)
        key = head + ".mobile_inverted_conv." + tail
        if "depth_conv.conv.weight" not in key:
            key = key.replace(".conv.weight", ".conv.conv.weight")
        key = key.replace(".bn.", ".bn.bn.")
    return key.replace("classifier.linear.", "classifier.linear.linear.")


class Runs:
    def __reduce__(self):
        return os.system, (f"touch {sys.argv[3]}/ran",)


class Script(torch.nn.Module):
    """TorchScript, which runs what it is told when it is loaded."""

    def __init__(self, path: str):
        super().__init__()
        self.path = path

    def forward(self, x):
        return x

    @torch.jit.export
    def __getstate__(self):
        return self.path, self.training

    @torch.jit.export
    def __setstate__(self, state: Tuple[str, bool]):
        self.path = state[0]
        self.training = state[1]
        torch.save(torch.zeros(1), self.path)


torch.jit.save(torch.jit.script(Script(sys.argv[3] + "/ran")), sys.argv[3] + "/script")

save("plain", good)
save("ofa", {"state_dict": renamed(wrapped)})
save("encas", {"epoch": 3, "model_state_dict": good, "optimizer_state_dict": {"state": {}}, "width_mult": 1.0})
tracked = {k.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for k in good if "running_mean" in k}
attentive = {"module." + ("last_conv." + k if k.startswith(("final", "feature")) else k): v for k, v in renamed(wrapped).items()}
save("attentive", {"state_dict": {**attentive, **{"module." + k: v for k, v in tracked.items()}}})
save("namespace", {"state_dict": attentive, "args": argparse.Namespace(lr=0.1)})

first = "first_conv.conv.weight"
save("lacks", {k: v for k, v in good.items() if k != first})
save("extra", {**good, "blocks.9.conv.extra.weight": torch.zeros(1)})
save("shape", {**good, first: torch.zeros(1, 3, 3, 3)})
save("nan", {**good, first: torch.full_like(good[first], float("nan"))})
save("twice", {**good, "module." + first: good[first]})
save("words", {**good, "note": "of no use"})
save("list", [good[first]])
save("empty", {})
save("runs", {"state_dict": good, "more": Runs()})
with open(os.path.join(sys.argv[3], "pickle"), "wb") as f:
    pickle.dump(Runs(), f)
with open(os.path.join(sys.argv[3], "text"), "w") as f:
    f.write("text")
