"""Trains the supernet of a table from nothing on small grey images, in minutes on a CPU.

    python3 supernet/demo/train.py supernet/demo/mobile.json train-images-idx3-ubyte.gz --out mobile.pth

Images and labels are files of MNIST's form, packed by gzip.

By the sandwich rule with in-place distillation (Yu and Huang 2019, "Universally slimmable
networks", sections 3.1 and 3.3): every batch trains the largest subnet on the labels, and the
smallest and two random ones on what the largest answers. Norms take the statistics of the
batch. The network is the one that `encas-zoo supernet export` writes, so what is saved are
weights that it reads. A run that was stopped goes on after its last whole epoch, as if it had
not been stopped.
"""
import argparse
import ctypes
import gzip
import importlib.util
import json
import math
import os
import pathlib
import random
import time

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
RANDOM_SUBNETS = 2
RECALIBRATED = 2_000


def keep_memory():
    """Lets glibc keep what tensors leave. To give it back and to fetch it again for every
    tensor takes a third of the time."""
    trim_threshold, mmap_threshold = -1, -3
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return  # not glibc
    libc.mallopt(mmap_threshold, 32 << 20)  # the most that it takes
    libc.mallopt(trim_threshold, 1 << 30)


def load_networks():
    """The module whose Supernet an export compiles."""
    path = HERE.parents[1] / "infer" / "export" / "supernet.py"
    spec = importlib.util.spec_from_file_location("supernet", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_idx(path):
    """The bytes of a file of MNIST's form: [n] or [n][rows][columns]."""
    with gzip.open(path) as f:
        data = f.read()
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return torch.frombuffer(bytearray(data[4 + 4 * len(shape) :]), dtype=torch.uint8).view(*shape)


class Plans:
    """The plans of a table's subnets, as docs/supernets.md has them."""

    def __init__(self, table):
        self.table = table

    def plan(self, choose):
        t = self.table
        numbers = [choose(t["resolutions"]), choose(t["stem"]["widths"])]
        for stage in t["stages"]:
            width, depth = choose(stage["widths"]), choose(stage["depths"])
            block = None
            for i in range(max(stage["depths"])):
                if block is None or t["genes"] == "block":
                    block = [choose(stage["kernels"]), choose(stage["expansions"]), width]
                numbers += block if i < depth else [0, 0, 0]
        head = t["head"]
        first = (head.get("expand") or [0])[0] or head.get("factor", 0) * width
        return numbers + [first, choose(head["widths"])]

    def largest(self):
        return self.plan(max)

    def smallest(self):
        return self.plan(min)

    def random(self, rng):
        return self.plan(rng.choice)


class Images:
    """Batches of images as `ingest` prepares them, but for rounding."""

    def __init__(self, table, pixels):
        self.images = table["images"]
        self.pixels = pixels

    def augmented(self, which, generator):
        """Images mirrored by chance and shifted by up to two pixels."""
        n, side = len(which), self.pixels.size(1)
        x = F.pad(self.pixels[which], (2, 2, 2, 2))
        mirrored = torch.rand(n, generator=generator) < 0.5
        x[mirrored] = x[mirrored].flip(2)
        down, right = torch.randint(0, 5, (2, n, 1), generator=generator)
        rows, columns = torch.arange(side) + down, torch.arange(side) + right
        return x[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]

    def prepared(self, pixels, resolution):
        """What a subnet of that resolution is given, [n][3][side][side]."""
        x = pixels[:, None].float() / 255
        if not self.images.get("input") and resolution != x.size(2):
            x = F.interpolate(x, size=[resolution, resolution], mode="bilinear", antialias=True)
        x = x.expand(-1, 3, -1, -1)
        mean, std = (torch.tensor(self.images[k]).view(1, 3, 1, 1) for k in ("mean", "std"))
        return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def train_epoch(net, plans, images, labels, optimizer, rate, args, epoch):
    """One pass over the images; the rate of learning is a function of the share of all steps."""
    rng = random.Random(args.seed * 1000 + epoch)
    generator = torch.Generator().manual_seed(args.seed * 1000 + epoch)
    order = torch.randperm(len(labels), generator=generator)
    steps, started, losses = len(order) // args.batch, time.monotonic(), 0.0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate((epoch + step / steps) / args.epochs)
        which = order[step * args.batch : (step + 1) * args.batch]
        pixels = images.augmented(which, generator)
        optimizer.zero_grad()
        target = None
        for plan in [plans.largest(), plans.smallest(), *(plans.random(rng) for _ in range(RANDOM_SUBNETS))]:
            weights, _ = net.cut(plan)
            logits = net.observe(images.prepared(pixels, plan[0]), plan, weights, False)[0]
            if target is None:
                loss = F.cross_entropy(logits, labels[which])
                target = logits.detach().softmax(1)
                losses += loss.item()
            else:
                loss = F.cross_entropy(logits, target)
            loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            left = (time.monotonic() - started) / (step + 1) * (steps * (args.epochs - epoch) - step - 1)
            print(f"\repoch {epoch + 1}/{args.epochs}  loss {losses / (step + 1):.3f}  {left / 60:.1f} min left ", end="", flush=True)
    print()


@torch.no_grad()
def recalibrate_largest(net, plans, images, unbiased):
    """Stores statistics for the largest subnet, so that the file is a classifier as it is."""
    plan = plans.largest()
    weights, statistics = net.cut(plan)
    batches = images.pixels[:RECALIBRATED].split(100)
    means = None
    for pixels in batches:
        seen = net.observe(images.prepared(pixels, plan[0]), plan, weights, unbiased)[1:]
        means = seen if means is None else [m + s for m, s in zip(means, seen)]
    for kept, total in zip(statistics, means):
        kept.copy_(total / len(batches))


def save(path, content):
    torch.save(content, f"{path}.tmp")
    os.replace(f"{path}.tmp", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="the table of the supernet, JSON")
    parser.add_argument("images", help="file of the images, with that of the labels beside it")
    parser.add_argument("--out", required=True, help="where the weights go")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=4e-3, help="of learning, at first")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    keep_memory()
    table = json.loads(pathlib.Path(args.table).read_text())
    pixels = read_idx(args.images)
    labels = read_idx(args.images.replace("images-idx3", "labels-idx1")).long()
    images, plans = Images(table, pixels), Plans(table)

    networks = load_networks()
    net = networks.Supernet(table, int(labels.max()) + 1, plans.largest())
    with torch.no_grad():
        networks.initialize(net.places, args.seed)
    decayed = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}])
    rate = lambda share: args.rate * min(1, share * args.epochs / 0.5 + 0.01) * (1 + math.cos(math.pi * share)) / 2

    part, settings = f"{args.out}.part", {k: v for k, v in vars(args).items() if k != "out"}
    epoch = 0
    if os.path.exists(part):
        kept = torch.load(part)
        if kept["settings"] != settings:
            parser.error(f"{part} is of a run with {kept['settings']}; go on with these, or remove it")
        net.load_state_dict(kept["net"])
        optimizer.load_state_dict(kept["optimizer"])
        epoch = kept["epoch"]
    for epoch in range(epoch, args.epochs):
        train_epoch(net, plans, images, labels, optimizer, rate, args, epoch)
        save(part, {"settings": settings, "epoch": epoch + 1, "net": net.state_dict(), "optimizer": optimizer.state_dict()})
    recalibrate_largest(net, plans, images, table["calibration"] == "unbiased")
    save(args.out, {"state_dict": {key: tensor.detach().clone() for key, tensor in net.places.items()}})
    os.remove(part)


if __name__ == "__main__":
    main()
