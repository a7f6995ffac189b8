"""Subnets that AttentiveNAS's own code extracts, for supernet_test.go.

attentive.py CHECKOUT writes attentive.json beside this file: names and shapes of all
weights, and for some subnets their plans and logits, from stored and from recalibrated
batch norms. CHECKOUT is a clone of github.com/facebookresearch/AttentiveNAS, whose licence
(CC-BY-NC-4.0) keeps it out of this repository; without it nothing is done.

attentive.py --weights FILE writes the same weights by the names and shapes in
attentive.json alone.
"""
import json
import os
import random
import sys
import types
import zlib

import numpy as np
import torch

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
SHOWN = 16  # logits of each image
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def images(first, n, side):
    """The images of supernet_test.go, see ofa_subnets.py."""
    k = np.arange(first, first + n * side * side * 3, dtype=np.uint64)
    pixels = ((k * np.uint64(2654435761) >> np.uint64(13)) & np.uint64(255)).astype(np.uint8)
    x = torch.from_numpy(pixels.reshape(n, side, side, 3)).permute(0, 3, 1, 2).contiguous().float()
    shaped = lambda v: torch.tensor(v).view(3, 1, 1)
    return x.div_(255).sub_(shaped(MEAN)).div_(shaped(STD))


def value(key, shape):
    """The numbers of a weight, which follow from its name. NumPy keeps this generator."""
    r = np.random.RandomState(zlib.crc32(key.encode()))
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if key.endswith(("bn.weight", "running_var")):
        v = r.random_sample(shape) + 0.5
    elif len(shape) > 1:
        v = r.standard_normal(shape) * np.prod(shape[1:]) ** -0.5
    else:
        v = r.standard_normal(shape) * 0.1
    return torch.from_numpy(v.astype(np.float32))


def write_weights(out):
    with open(os.path.join(HERE, "attentive.json")) as f:
        names = json.load(f)["weights"]
    torch.save({"epoch": 1, "state_dict": {k: value(k, s) for k, s in names.items()}}, out)


def namespace(v):
    return types.SimpleNamespace(**{k: namespace(x) for k, x in v.items()}) if isinstance(v, dict) else v


def plan(net, c):
    p, at = [c["resolution"], c["width"][0]], 0
    for i, group in enumerate(net.block_group_info):
        for b in range(len(group)):
            p += [c["kernel_size"][i], c["expand_ratio"][i], c["width"][i + 1]] if b < c["depth"][i] else [0, 0, 0]
    return p + [6 * c["width"][-2], c["width"][-1]]


def main(checkout):
    import yaml

    fvcore = types.ModuleType("fvcore.common.file_io")
    fvcore.PathManager = None
    for name in ("fvcore", "fvcore.common"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["fvcore.common.file_io"] = fvcore
    sys.path.insert(0, checkout)
    from models.attentive_nas_dynamic_model import AttentiveNasDynamicModel

    with open(os.path.join(checkout, "configs/train_attentive_nas_models.yml")) as f:
        space = namespace(yaml.safe_load(f)["supernet_config"])
    with open(os.path.join(checkout, "configs/eval_attentive_nas_models.yml")) as f:
        published = yaml.safe_load(f)["pareto_models"]
    net = AttentiveNasDynamicModel(space, n_classes=1000, bn_param=(0.0, 1e-5)).eval()
    names = {"module." + k: list(v.shape) for k, v in net.state_dict().items()}
    net.load_state_dict({k[len("module.") :]: value(k, s) for k, s in names.items()})
    random.seed(3)
    configs = [published[a] for a in ("a0", "a1", "a6")] + [net._sample_active_subnet() for _ in range(7)]
    subnets = []
    for i, c in enumerate(configs):
        net.set_active_subnet(**{k: c[k] for k in ("resolution", "width", "depth", "kernel_size", "expand_ratio")})
        subnet = net.get_active_subnet().eval()
        x = images(i, 2, 224)
        with torch.no_grad():
            stored = subnet(x)
            subnet.reset_running_stats_for_calibration()
            subnet.train()  # it drops nothing out unless told to
            for j, n in enumerate((8, 8, 4)):
                subnet(images(100 * j, n, 224))
            fresh = subnet.eval()(x)
        numbers = lambda y: [[float(f"{v:.9g}") for v in row[:SHOWN]] for row in y.tolist()]
        subnets.append({"plan": plan(net, c), "logits": numbers(stored), "largest": stored.abs().max().item(),
                        "calibrated": numbers(fresh), "largest_calibrated": fresh.abs().max().item()})
    with open(os.path.join(HERE, "attentive.json"), "w") as f:
        weights = ",\n  ".join(f"{json.dumps(k)}: {json.dumps(s)}" for k, s in names.items())
        lines = ",\n  ".join(map(json.dumps, subnets))
        f.write(f'{{"weights": {{\n  {weights}\n}},\n"subnets": [\n  {lines}\n]}}\n')


if sys.argv[1] == "--weights":
    write_weights(sys.argv[2])
elif os.path.isdir(sys.argv[1]):
    main(sys.argv[1])
else:
    print(f"{sys.argv[1]} is no folder: nothing was made anew")
