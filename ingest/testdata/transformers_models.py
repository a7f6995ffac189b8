"""Makes small image classifiers of transformers with random weights, and says what they
give for images.

    python3 transformers_models.py OUT IMAGES HUB

Writes folders, and for each NAME.bin: float32 softmax of the images in the order of their
paths, little-endian. In HUB they are as the hub's cache has them: vit as our/tiny-vit, and as
our/half without its weights. See TestTransformers."""
import shutil
import sys
from pathlib import Path

import numpy
import torch
import transformers as tf
from PIL import Image

OUT, IMAGES, HUB = map(Path, sys.argv[1:])
SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
LABELS = {i: f"class{i}" for i in range(5)}  # as the folders of the images
OTHERS = {i: f"Class{(i + 2) % 5}" for i in range(5)}
torch.manual_seed(1)


def sure(model):
    "Random heads are nearly 0."
    for p in model.parameters():
        p.data = p.data * 3
    return model.eval()


vit = tf.ViTConfig(image_size=32, patch_size=8, id2label=LABELS, **SIZES)
convnext = tf.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, id2label=LABELS)
MODELS = {
    "vit": (sure(tf.ViTForImageClassification(vit)), tf.ViTImageProcessor(size={"height": 32, "width": 32})),
    "a vit": (sure(tf.ViTForImageClassification(vit)), tf.ViTImageProcessor(size={"height": 32, "width": 32}, resample=3, image_mean=[0.1, 0.2, 0.3])),
    "convnext": (sure(tf.ConvNextForImageClassification(convnext)), tf.ConvNextImageProcessor(size={"shortest_edge": 28}, crop_pct=0.875)),
    "deit": (sure(tf.ViTForImageClassification(vit)), tf.DeiTImageProcessor(size={"height": 36, "width": 36}, crop_size={"height": 32, "width": 32})),
    "clip": (sure(tf.ViTForImageClassification(vit)), tf.CLIPImageProcessor(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32})),
}
turned = sure(tf.ViTForImageClassification(tf.ViTConfig(image_size=32, patch_size=8, id2label=OTHERS, **SIZES)))
MODELS["turned"] = turned, MODELS["vit"][1]
paths = sorted(IMAGES.glob("*/*.png"))
images = [Image.open(p).convert("RGB") for p in paths]
for name, (model, processor) in MODELS.items():
    model.save_pretrained(OUT / name)
    processor.save_pretrained(OUT / name)
    with torch.no_grad():
        rows = [model(**processor(i, return_tensors="pt")).logits.softmax(1)[0] for i in images]
    if name == "turned":
        rows = [r.roll(2) for r in rows]
    (OUT / f"{name}.bin").write_bytes(torch.stack(rows).numpy().astype("<f4").tobytes())

# Weights without a classifier, images prepared in another way, or in none that is said.
tf.ViTModel(vit).save_pretrained(OUT / "headless")
MODELS["vit"][1].save_pretrained(OUT / "headless")
MODELS["vit"][0].save_pretrained(OUT / "unprepared")
MODELS["vit"][0].save_pretrained(OUT / "unscaled")
tf.ViTImageProcessor(do_normalize=False).save_pretrained(OUT / "unscaled")
MODELS["vit"][0].save_pretrained(OUT / "pickled", safe_serialization=False)
MODELS["vit"][1].save_pretrained(OUT / "pickled")

for name in ("tiny-vit", "half"):
    cached = HUB / f"models--our--{name}"
    shutil.copytree(OUT / "vit", cached / "snapshots" / ("0" * 40))
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0" * 40)
(cached / "snapshots" / ("0" * 40) / "model.safetensors").unlink()
