"""Subnets that the package ofa itself extracts, for supernet_test.go.

ofa_subnets.py FOLDER N writes, of each of OFA's three networks with random weights, NAME.pth and
NAME.json: N random subnets with their plans, logits and, for the last, logits after
ofa's own recalibration of the batch norms. With the word static, it also writes each of the
subnets traced and frozen, with its norms as they are, NAME-i.pt.
"""
import json
import random
import sys
import types

import numpy as np
import torch

try:
    import gdown
except ImportError:
    sys.modules["gdown"] = types.ModuleType("gdown")  # ofa fetches nothing here
from ofa.imagenet_classification.elastic_nn.utils import set_running_statistics
from ofa.model_zoo import ofa_net

torch.set_num_threads(1)
torch.set_grad_enabled(False)
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
NETS = {
    "ofa-mbv3-w1.0": ("ofa_mbv3_d234_e346_k357_w1.0", [16, 16, 24, 40, 80, 112, 160, 960, 1280]),
    "ofa-mbv3-w1.2": ("ofa_mbv3_d234_e346_k357_w1.2", [24, 24, 32, 48, 96, 136, 192, 1152, 1536]),
    "ofa-proxyless": ("ofa_proxyless_d234_e346_k357_w1.3", [40, 24, 32, 56, 104, 128, 248, 416, 0, 1664]),
}


def images(first, n, side):
    """The images of supernet_test.go: bytes by a formula, as the shim normalises them."""
    k = np.arange(first, first + n * side * side * 3, dtype=np.uint64)
    pixels = ((k * np.uint64(2654435761) >> np.uint64(13)) & np.uint64(255)).astype(np.uint8)
    x = torch.from_numpy(pixels.reshape(n, side, side, 3)).permute(0, 3, 1, 2).contiguous().float()
    shaped = lambda v: torch.tensor(v).view(3, 1, 1)
    return x.div_(255).sub_(shaped(MEAN)).div_(shaped(STD))


def shake(net):
    """Weights under which every number matters."""
    for key, p in net.state_dict().items():
        if key.endswith("_matrix"):
            p.add_(torch.randn_like(p) * 0.05)
        elif key.endswith(("bn.weight", "running_var")):
            p.copy_(torch.rand_like(p) + 0.5)
        elif key.endswith(("bn.bias", "running_mean", "linear.bias")):
            p.copy_(torch.randn_like(p) * 0.1)


def plan(net, name, side, s):
    """A subnet's plan from ofa's own words for it."""
    widths, p, b = NETS[name][1], [side, NETS[name][1][0], 3, 1, NETS[name][1][1]], 0
    for stage, group in enumerate(net.block_group_info):
        for i in range(len(group)):
            p += [s["ks"][b], s["e"][b], widths[2 + stage]] if i < min(s["d"][stage], len(group)) else [0, 0, 0]
            b += 1
    return p + widths[-2:]


def main(folder, n, static=None):
    random.seed(5)
    torch.manual_seed(5)
    for name, (ofa_name, _) in NETS.items():
        net = ofa_net(ofa_name, pretrained=False)
        shake(net)
        net.eval()
        torch.save({"state_dict": net.state_dict()}, f"{folder}/{name}.pth")
        subnets = []
        for i in range(n):
            side = random.randrange(192, 257, 4)
            setting = net.sample_active_subnet()
            subnet = net.get_active_subnet(True).eval()
            answer = {"plan": plan(net, name, side, setting), "logits": subnet(images(i, 2, side)).flatten().tolist()}
            if static:
                traced = torch.jit.trace(subnet, images(i, 1, side))
                torch.jit.freeze(traced, optimize_numerics=False).save(f"{folder}/{name}-{i}.pt")
            if i == n - 1:
                batches = [(images(100 * j, m, side), torch.zeros(m)) for j, m in enumerate((8, 8, 4))]
                set_running_statistics(subnet, batches)
                answer["calibrated"] = subnet.eval()(images(i, 2, side)).flatten().tolist()
            subnets.append(answer)
        with open(f"{folder}/{name}.json", "w") as f:
            json.dump(subnets, f)


main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
