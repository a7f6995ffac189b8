"""What Python makes of the models and images of python_test.go.

    python3 reference.py models DIR
        writes linear.pt, cnn.pt and vit.pt, TorchScript files with random weights
    python3 reference.py run EXPORT_DIR DIR IMAGES SEED NAME...
        writes DIR/NAME.bin for each model, float32 softmax outputs: the models as
        torchvision makes them, not as they were exported, over Pillow's pixels and
        torchvision's transforms, images in the order of their folders
"""
import sys
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torchvision import transforms
from torchvision.models import VisionTransformer
from torchvision.transforms.functional import InterpolationMode


def small(name):
    torch.manual_seed(7)
    if name == "vit":
        return VisionTransformer(64, 8, 3, 4, 128, 256).eval()
    if name == "linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 1000)).eval()
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, 1000),
    ).eval()


def transform(size, resize, mode):
    return transforms.Compose([
        transforms.Resize(resize, interpolation=mode), transforms.CenterCrop(size), transforms.ToTensor(),
        transforms.Normalize(torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])),
    ])


def main():
    out = Path(sys.argv[2] if sys.argv[1] == "models" else sys.argv[3])
    with torch.no_grad():
        if sys.argv[1] == "models":
            for name in ("linear", "cnn", "vit"):
                torch.jit.trace(small(name), torch.zeros(2, 3, 64, 64)).save(str(out / f"{name}.pt"))
            return
        sys.path.insert(0, sys.argv[2])
        import export

        files = sorted(p for p in Path(sys.argv[4]).glob("*/*"))
        for name in sys.argv[6:]:
            if name in ("linear", "cnn", "vit"):
                model, t = small(name), transform(64, 73, InterpolationMode.BICUBIC)
            else:
                torch.manual_seed(int(sys.argv[5]))
                model, _ = export.create("torchvision", name, None, False)
                model.eval()
                t = transform(224, 256, InterpolationMode.BILINEAR)
            x = torch.stack([t(Image.open(f).convert("RGB")) for f in files])
            y = torch.cat([model(part).softmax(1) for part in x.split(8)])
            (out / f"{name}.bin").write_bytes(y.numpy().tobytes())


main()
