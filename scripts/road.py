"""What scripts/road needs of Python: published CIFAR-10 networks as TorchScript, and a
second opinion on what encas-zoo made of them.

    export WEIGHTS OUT        torch: TorchScript files of the networks and a list of them
    images PARQUET ZOO OUT.npz
                              pyarrow: the JPEG files of a data set that a zoo has, or with
                              the zoo "all" all of them, their labels and ids
    files PARQUET ZOO SPLIT OUT
                              pyarrow: the JPEG files of a split, in folders of their classes
    answers WEIGHTS OUT.npz   torch, Pillow: what the networks say of these: answers.npz beside it
    compare ZOO ANSWERS       pyarrow: the zoo's outputs against those

The networks are the CIFAR ResNets of He et al. (2015) with shortcuts of option A, the
weights those of github.com/akamaster/pytorch_resnet_cifar10 (BSD-2).
"""
import collections
import io
import json
import pickle
import re
import sys
from pathlib import Path

import numpy as np

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TOLERANCE = 1e-3  # two steps of float16 near 1: batches of another size sum in another order


def network(depth, width=16):
    """The network of 6n+2 layers, with the names of the published weights, whose width
    is 16 channels, twice that, and four times."""
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self, before, width):
            super().__init__()
            self.stride = 1 if before == width else 2
            self.added = width - before
            self.conv1 = nn.Conv2d(before, width, 3, self.stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)

        def forward(self, x):
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            if self.stride > 1:  # option A: every second pixel, and channels of zeros around
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.added // 2, self.added // 2))
            return F.relu(x + y)

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            n = (depth - 2) // 6
            self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            for i, (before, after) in enumerate([(1, 1), (1, 2), (2, 4)]):
                blocks = [Block(width * (after if b else before), width * after) for b in range(n)]
                setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
            self.linear = nn.Linear(4 * width, 10)

        def forward(self, x):
            x = F.relu(self.bn1(self.conv1(x)))
            x = self.layer3(self.layer2(self.layer1(x)))
            return self.linear(x.mean((2, 3)))

    return ResNet()


class Weights(pickle.Unpickler):
    """Reads tensors and what holds them, and calls nothing else a file may name. The
    weights_only of torch 1.13 does so too, but fails at the accuracy beside the weights."""

    def find_class(self, module, name):
        import torch

        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
            ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
            ("torch", "FloatStorage"): torch.FloatStorage,
            ("torch", "LongStorage"): torch.LongStorage,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"weights have no use for {module}.{name}")
        return known[module, name]


class Pickle:
    """As torch.load wants it: a module."""

    Unpickler = Weights

    @staticmethod
    def load(file, **options):
        return Weights(file, **options).load()


def published(weights):
    """The networks in a folder of weights: (name, network), from the smallest."""
    import torch

    files = {int(re.match(r"resnet(\d+)-", f.name)[1]): f for f in Path(weights).glob("resnet*-*.th")}
    for depth, file in sorted(files.items()):
        state = torch.load(file, map_location="cpu", pickle_module=Pickle, weights_only=False)["state_dict"]
        net = network(depth)
        net.load_state_dict({k.removeprefix("module."): v for k, v in state.items()})  # all keys, and no others
        yield f"resnet{depth}", net.eval()


def export(weights, out):
    import torch

    Path(out).mkdir(parents=True, exist_ok=True)
    lines = ["# CIFAR-10 ResNets of akamaster/pytorch_resnet_cifar10"]
    with torch.no_grad():
        for name, net in published(weights):
            torch.jit.trace(net, torch.randn(2, 3, 32, 32)).save(str(Path(out, name + ".pt")))
            numbers = " ".join(f"{key}={','.join(map(str, of))}" for key, of in (("mean", MEAN), ("std", STD)))
            lines.append(f"{name}.pt size=32 crop_pct=1 {numbers}")
    Path(out, "list.txt").write_text("\n".join(lines) + "\n")


def images(parquet, zoo, out):
    import pyarrow.parquet as pq

    table = pq.read_table(parquet)
    if zoo != "all":
        known = set()
        for split in Path(zoo, "splits").glob("*.parquet"):
            known.update(pq.read_table(split)["id"].to_pylist())
        table = table.filter([file["path"] in known for file in table["image"].to_pylist()])
    files = table["image"].to_pylist()
    np.savez(
        out,
        bytes=np.frombuffer(b"".join(f["bytes"] for f in files), np.uint8),
        ends=np.cumsum([len(f["bytes"]) for f in files]),
        ids=np.array([f["path"] for f in files]),
        labels=table["label"].to_numpy(),
    )


def files(parquet, zoo, split, out):
    import pyarrow.parquet as pq

    known = set(pq.read_table(Path(zoo, "splits", split + ".parquet"))["id"].to_pylist())
    for file in pq.read_table(parquet)["image"].to_pylist():
        if file["path"] in known:
            path = Path(out, file["path"])
            if not path.resolve().is_relative_to(Path(out).resolve()):
                sys.exit(f"image {file['path']} would be written outside {out}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file["bytes"])


def read_images(stored):
    """What images wrote: pixels [N, 3, 32, 32] as the networks take them, labels, ids."""
    import torch
    from PIL import Image

    with np.load(stored) as file:
        data, ends, labels, ids = file["bytes"].tobytes(), file["ends"], file["labels"], file["ids"]
    pixels = np.empty((len(ends), 32, 32, 3), np.uint8)
    for i, (begin, end) in enumerate(zip([0, *ends], ends)):
        pixels[i] = np.asarray(Image.open(io.BytesIO(data[begin:end])).convert("RGB"))
    mean, std = (torch.tensor(of).view(3, 1, 1) for of in (MEAN, STD))
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / std, labels, ids


def probabilities(net, x):
    """The softmax outputs of a network, float16."""
    import torch

    with torch.no_grad():
        return np.concatenate([net(part).softmax(1).half().numpy() for part in x.split(250)])


def answers(weights, stored):
    x, _, ids = read_images(stored)
    np.savez(Path(stored).with_name("answers.npz"), ids=ids, **{name: probabilities(net, x) for name, net in published(weights)})


def compare(zoo, answers):
    import pyarrow.parquet as pq

    def read(path):
        return pq.read_table(path).to_pydict()

    with np.load(answers) as file:
        place = {id: i for i, id in enumerate(file["ids"])}
        for model in sorted(Path(zoo, "models").glob("*.json")):
            name, splits = (json.loads(model.read_text())[key] for key in ("name", "splits"))
            got, want, labels = [], [], []
            for split in splits:
                samples = read(Path(zoo, "splits", split + ".parquet"))
                rows = read(Path(zoo, "archive", split, model.stem + ".parquet"))["probs"]
                got.append(np.frombuffer(b"".join(rows), "<f2").reshape(len(rows), -1))
                want.append(file[name][[place[id] for id in samples["id"]]])
                labels += samples["label"]
            got, want = np.concatenate(got), np.concatenate(want)
            right = [(of.argmax(1) == labels).mean() for of in (got, want)]
            apart = np.abs(got.astype(np.float64) - want).max()
            print(f"{name:<10}{len(labels):>7,} images, accuracy {right[0]:.2%} and in Python {right[1]:.2%}; outputs apart by {apart:.2g} at most, {(got == want).mean():.2%} of them not at all")
            if apart > TOLERANCE:
                sys.exit(f"{name}: the outputs differ by {apart:.2g}, more than {TOLERANCE:.2g}")


if __name__ == "__main__":
    steps = {"export": export, "images": images, "files": files, "answers": answers, "compare": compare}
    do = steps.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if do is None or len(sys.argv) - 2 != do.__code__.co_argcount:
        sys.exit(__doc__)
    do(*sys.argv[2:])
