"""Puts made-up weights where the libraries keep published ones, so that they are
found without a network; prints their hash. See TestPretrained.

    python3 pretrained.py torchvision|timm
"""
import json
import os
import sys
from pathlib import Path

import torch

sys.dont_write_bytecode = True
sys.path.insert(0, ".")
import export

torch.manual_seed(77)
if sys.argv[1] == "torchvision":
    import torchvision

    model = torchvision.models.resnet18()
    url = torchvision.models.get_model_weights("resnet18").DEFAULT.url
    path = Path(os.environ["TORCH_HOME"], "hub", "checkpoints", url.rsplit("/", 1)[1])
    path.parent.mkdir(parents=True)
    torch.save(model.state_dict(), path)
else:
    import timm
    from safetensors.torch import save_file

    name, revision = "resnet18.a1_in1k", "0" * 40
    model = timm.create_model(name)
    repo = Path(os.environ["HF_HOME"], "hub", "models--timm--" + name)
    files = repo / "snapshots" / revision
    files.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(revision)
    save_file(model.state_dict(), files / "model.safetensors")
    cfg = {k: model.pretrained_cfg[k] for k in ("input_size", "mean", "std", "crop_pct", "interpolation", "first_conv", "classifier")}
    cfg.update(tag="made_up", license="cc0-1.0", num_classes=1000)
    (files / "config.json").write_text(json.dumps({"architecture": "resnet18", "num_classes": 1000, "pretrained_cfg": cfg}))
print(export.checkpoint_hash(model))
