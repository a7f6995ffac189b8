"""Makes images of some of 1,000 classes, models with other outputs, files that map these to
the classes, and what the zoo is to have of each model: NAME.bin, float32 by image and class.

    python3 classmap.py OUT

See TestOtherHeads."""
import random
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

OUT = Path(sys.argv[1])
CLASSES, WIDE, SIZE = 1000, 21841, 64
random.seed(5)
torch.manual_seed(5)
rng = np.random.default_rng(5)

names = [f"n{1440764 + 9973 * i:08d}" for i in range(CLASSES)]
random.shuffle(names)
(OUT / "names.txt").write_text("\n".join(names) + "\n")

pixels = []
for name in sorted(names[i] for i in (0, 7, 998)):
    (OUT / "images" / name).mkdir(parents=True)
    for i in range(2):
        picture = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        picture[: 20 + 20 * i] //= 3
        Image.fromarray(picture).save(OUT / "images" / name / f"{i}.png")
        pixels.append(picture)
x = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous().float() / 255
x = (x - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def net(outputs, *end):
    torch.manual_seed(outputs)  # one set of weights for all of a width
    layers = [nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, outputs)]
    layers[-1].weight.data *= 8
    return nn.Sequential(*layers, *end).eval()


def write_map(path, pairs):
    path.write_text("output,class\n" + "".join(f"{output},{name}\n" for output, name in pairs))


# Outputs of the wide head: one for most classes, three for class 7, none for class 999.
places = random.sample(range(WIDE), CLASSES + 1)
wide = dict(zip(places, [*range(CLASSES - 1), 7, 7]))
write_map(OUT / "names.csv", [(output, names[c]) for output, c in wide.items()])
write_map(OUT / "numbers.csv", sorted(wide.items()))
write_map(OUT / "other.csv", sorted((output, (c + 1) % CLASSES) for output, c in wide.items()))
write_map(OUT / "outside.csv", [(WIDE, names[0]), (0, names[1])])
write_map(OUT / "strange.csv", [(0, "n00000000")])
background = {1 + c: c for c in range(CLASSES)}


def save(name, model, outputs_are, of):
    with torch.no_grad():
        torch.jit.trace(model, x[:2], check_trace=False).save(str(OUT / f"{name}.pt"))
        y = model(x).double().numpy()
    if outputs_are == "logits":
        y = np.exp(y - y[:, list(of)].max(1, keepdims=True))
    elif outputs_are == "logarithms":
        y = np.exp(y)
    elif outputs_are == "logits of sigmoids":
        y = 1 / (1 + np.exp(-y))
    classes = np.zeros((len(x), CLASSES))
    for output, c in of.items():
        classes[:, c] += y[:, output]
    (classes / classes.sum(1, keepdims=True)).astype("<f4").tofile(OUT / f"{name}.bin")


save("background", net(CLASSES + 1), "logits", background)
save("background-softmax", net(CLASSES + 1, nn.Softmax(1)), "probabilities", background)
save("wide", net(WIDE), "logits", wide)
save("wide-softmax", net(WIDE, nn.Softmax(1)), "probabilities", wide)
save("wide-log", net(WIDE, nn.LogSoftmax(1)), "logarithms", wide)
save("wide-sigmoid", net(WIDE), "logits of sigmoids", wide)
