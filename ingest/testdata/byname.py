"""Makes images in folders of ImageNet's synsets and says what models of timm and torchvision
with random weights give for them, by timm's own lists of synsets.

    python3 byname.py EXPORT_DIR OUT SEED NAME...

Writes OUT/images/SYNSET, OUT/numbers/CLASS and OUT/words/WORD with the same images, names.txt (the synsets of
ImageNet-1k, shuffled), wide.pt (a TorchScript file with 21,841 outputs), and for each NAME
two files of float32 by image and class: NAME.bin with the classes of names.txt, and
NAME.few.bin with those of the folders of words. See TestByName."""
import random
import sys
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from timm.data import ImageNetInfo, create_transform
from torch import nn

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import export

OUT, SEED, NAMES = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
SIZE = 64
random.seed(5)
rng = np.random.default_rng(5)
usual = ImageNetInfo("imagenet-1k").label_names()
names = usual[:]
random.shuffle(names)
(OUT / "names.txt").write_text("\n".join(names) + "\n")

# The crane that is a bird, the one that is a machine, a dog and a garment of one name, and the
# teddy bear, which ImageNet-21k lacks.
folders = ["n01440764", "n02012849", "n03126707", "n02113186", "n02963159", "n04399382"]
words = dict(zip(usual, export.categories()))
pictures = []
for synset in sorted(folders):
    places = (OUT / "images" / synset, OUT / "numbers" / str(usual.index(synset)), OUT / "words" / words[synset])
    for folder in places:
        folder.mkdir(parents=True)
    for i in range(2):
        picture = Image.fromarray(rng.integers(0, 256, (SIZE + 9 * i, SIZE, 3), dtype=np.uint8))
        for folder in places:
            picture.save(folder / f"{synset}-{i}.png")
        pictures.append(picture)
few = sorted(folders, key=words.get)
in_words = [2 * sorted(folders).index(s) + i for s in few for i in range(2)]  # their pictures
# ImageNetV2 has a folder for every number.
for number in range(len(usual)):
    (OUT / "numbers" / str(number)).mkdir(exist_ok=True)


def wide():
    torch.manual_seed(3)
    head = nn.Linear(128, 21841)
    head.weight.data *= 8
    return nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), head)


def synsets(outputs):
    return ImageNetInfo({1000: "imagenet-1k", 11221: "imagenet-21k-miil", 11821: "imagenet-12k", 21841: "imagenet-22k", 21843: "imagenet-21k-goog"}[outputs]).label_names()


with torch.no_grad():
    for name in NAMES:
        if name == "wide":
            model = wide()
            meta = dict(image_size=[SIZE, SIZE], crop_pct=0.875, crop_mode="center", interpolation="bicubic", mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
        else:
            torch.manual_seed(SEED)
            source = "torchvision" if "/" in name else "timm"
            model, meta = export.create(source, name.rpartition("/")[2], [SIZE, SIZE], False)
        model.eval()
        transform = create_transform((3, SIZE, SIZE), crop_pct=meta["crop_pct"], crop_mode=meta["crop_mode"], interpolation=meta["interpolation"], mean=meta["mean"], std=meta["std"])
        x = torch.stack([transform(p) for p in pictures])
        y = model(x).double().numpy()
        if name == "wide":
            torch.jit.trace(model, x[:2]).save(str(OUT / "wide.pt"))
        place = {s: i for i, s in enumerate(synsets(y.shape[1]))}
        for classes, end, images in ((names, ".bin", slice(None)), (few, ".few.bin", in_words)):
            known = [place[s] for s in classes if s in place]
            exps = np.exp(y - y[:, known].max(1, keepdims=True))
            rows = np.stack([exps[:, place[s]] if s in place else 0 * exps[:, 0] for s in classes], 1)
            (rows / rows.sum(1, keepdims=True))[images].astype("<f4").tofile(OUT / (name.replace("/", "-") + end))
