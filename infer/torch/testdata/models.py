"""Makes the TorchScript models of the tests, and what Python says of them.

    python3 models.py OUT

Writes NAME.pt, NAME.bin (float32 softmax of two pictures, little-endian) and
names.txt: name, parameters, multiply-adds as known on paper (0: not known).
"""
import sys
from pathlib import Path

import torch
from torch import nn

OUT = Path(sys.argv[1])
SIDE = 24


class Attention(nn.Module):
    """Two heads over 4x4 patches, unfused."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 6, 6)
        self.norm = nn.LayerNorm(16)
        self.qkv = nn.Linear(16, 48)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm(x)).reshape(x.shape[0], 16, 3, 2, 8).permute(2, 0, 3, 1, 4)
        a = (q @ k.transpose(-2, -1) * 0.35).softmax(-1)
        x = x + (a @ v).transpose(1, 2).reshape(x.shape)
        return self.head(x.mean(1))


class Heads(nn.Module):
    """torch's own attention, which writes products into given tensors."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = x.reshape(x.shape[0], 108, 16)
        return self.head(self.attention(x, x, x, need_weights=False)[0].mean(1))


class Raises(nn.Module):
    def forward(self, x):
        return x.reshape(x.shape[0], 7, 11, 13)


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3 * SIDE * SIDE, 10)

    def forward(self, x):
        y = self.head(x.flatten(1))
        return y, y * 2


CNN = nn.Sequential(
    nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
    nn.Conv2d(8, 8, 3, 1, 1, groups=4), nn.GroupNorm(2, 8), nn.ReLU(),
    nn.ConvTranspose2d(8, 4, 2, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10),
)
MODELS = {
    "linear": (nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 10)), 17280),
    "cnn": (CNN, 12 * 12 * 8 * 27 + 12 * 12 * 8 * 18 + 12 * 12 * 8 * 16 + 40),
    "attention": (Attention(), 16 * 16 * 108 + 16 * 16 * 48 + 2 * 2 * 16 * 16 * 8 + 160),
    "heads": (Heads(), 108 * 16 * 64 + 2 * 2 * 108 * 108 * 8 + 160),
    "pair": (Pair(), 17280),
    "raises": (Raises(), 0),
    "nan": (nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 10)), 17280),
}


def main():
    torch.manual_seed(5)
    pixels = (torch.arange(2 * SIDE * SIDE * 3) * 37 % 256).to(torch.uint8)
    (OUT / "pixels.bin").write_bytes(pixels.numpy().tobytes())
    x = pixels.reshape(2, SIDE, SIDE, 3).permute(0, 3, 1, 2).contiguous().float().div(255)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x.sub_(mean.view(3, 1, 1)).div_(std.view(3, 1, 1))
    lines = []
    for name, (model, macs) in MODELS.items():
        model.eval()
        if name == "nan":
            model[1].bias.data[3] = float("nan")
        with torch.no_grad():
            traced = torch.jit.trace(model, torch.zeros(1, 3, SIDE, SIDE) if name != "raises" else torch.zeros(1, 1001), check_trace=False)
            traced.save(str(OUT / f"{name}.pt"))
            if name != "raises":
                y = model(x)
                y = y[0] if isinstance(y, tuple) else y
                (OUT / f"{name}.bin").write_bytes(y.softmax(1).numpy().tobytes())
        lines.append(f"{name} {sum(p.numel() for p in model.parameters())} {macs}")
    (OUT / "names.txt").write_text("\n".join(lines) + "\n")


main()
