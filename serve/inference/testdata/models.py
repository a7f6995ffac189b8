"""Makes TorchScript models of 1,000 classes and several input sizes, with random weights.

    python3 models.py OUT
"""
import sys
from pathlib import Path

import torch
from torch import nn

out = Path(sys.argv[1])
out.mkdir(exist_ok=True)
for name, size, width in (("small", (32, 32), 8), ("middle", (48, 64), 16), ("large", (96, 96), 24)):
    torch.manual_seed(width)
    net = nn.Sequential(nn.Conv2d(3, width, 5, 2), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, 2), nn.ReLU(),
                        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * width, 1000)).eval()
    net[-1].weight.data *= 60  # so that confidences are not all alike
    torch.jit.trace(net, torch.rand(2, 3, *size)).save(str(out / f"{name}.pt"))
