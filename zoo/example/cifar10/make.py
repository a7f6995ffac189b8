"""Makes the outputs of the example zoo cifar10: cifar10.npz and models.csv.

    python make.py small TRAIN.npz SMALL [NAME...]   trains the small networks (some minutes)
    python make.py outputs WEIGHTS SMALL TEST.npz

TRAIN.npz and TEST.npz are the images, as `scripts/road.py images` writes them; WEIGHTS
has the published weights. Needs torch, NumPy and Pillow.
"""
import csv
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parents[2] / "scripts"))
import road

# Depth, channels and epochs of the networks trained here.
SMALL = {"resnet8w8": (8, 8, 8), "resnet8": (8, 16, 8)}


def small(train, out, *names):
    torch.set_num_threads(1)
    x, labels, _ = road.read_images(train)
    y = torch.from_numpy(labels)
    Path(out).mkdir(parents=True, exist_ok=True)
    for name in names or SMALL:
        torch.manual_seed(1)
        depth, width, epochs = SMALL[name]
        begin, net, batch = time.time(), road.network(depth, width).train(), 128
        steps = epochs * (len(x) // batch)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.2, total_steps=steps, pct_start=0.2)
        for epoch in range(epochs):
            order = torch.randperm(len(x))
            for part in order.split(batch)[: len(x) // batch]:
                images = augmented(x[part])
                loss = F.cross_entropy(net(images), y[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            print(f"{name}, epoch {epoch + 1} of {epochs}: loss {loss.item():.3f}, {time.time() - begin:.0f} s", flush=True)
        torch.save(net.state_dict(), Path(out, name + ".pt"))


def augmented(x):
    """Images shifted by up to four pixels, half of them mirrored."""
    padded = F.pad(x, (4, 4, 4, 4))
    dx, dy = torch.randint(0, 9, (2,)).tolist()
    x = padded[:, :, dy : dy + 32, dx : dx + 32]
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)


def outputs(weights, small, test):
    torch.set_num_threads(1)
    x, labels, ids = road.read_images(test)
    networks = [(name, trained(small, name), "trained here on 20,000 training images") for name in SMALL]
    networks += [(name, net, "published weights") for name, net in road.published(weights)]
    arrays = {"labels": labels.astype(np.int64), "ids": ids}
    rows = []
    for name, net, note in networks:
        for mirrored in (False, True):
            model = name + "_mirrored" * mirrored
            arrays[model] = road.probabilities(net, x.flip(3) if mirrored else x)
            accuracy = (arrays[model].argmax(axis=1) == labels).mean()
            parameters = sum(p.numel() for p in net.parameters())
            rows.append([model, f"{multiply_adds(net) / 1e9:.6g}", parameters, f"{accuracy:.4f}", note + ", images mirrored" * mirrored])
            print(*rows[-1], flush=True)
    np.savez_compressed(here / "cifar10.npz", **arrays)
    with open(here / "models.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "gflops", "params", "accuracy", "note"])
        writer.writerows(rows)


def trained(folder, name):
    net = road.network(*SMALL[name][:2])
    net.load_state_dict(torch.load(Path(folder, name + ".pt"), weights_only=True))
    return net.eval()


def multiply_adds(net):
    """Those of convolutions and the matrix product, for one image, as ingest counts."""
    total = 0

    def count(layer, _, output):
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    with torch.no_grad():
        net(torch.zeros(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    return total


if __name__ == "__main__":
    {"small": small, "outputs": outputs}[sys.argv[1]](*sys.argv[2:])
