"""Checks and times encas-zoo on a GPU, and writes a report. scripts/gpu runs this.

    python3 gpu.py WORK [--device cuda] [--out DIR] [--quick] [--nat]

WORK holds the programs. With --nat the last part is an iteration of NAT with the paper's
settings for CIFAR-10, which takes long. Every part is a check, with what was seen and what was wanted, or a
figure. A part that fails does not end the others; the exit status says whether one did.
"""
import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "supernet" / "demo"
# Two steps of float16 near 1, since sums are rounded in another order; bfloat16 and float16
# compute with 8 and 11 bits.
TOLERANCE = {"fp32": 2e-3, "bf16": 6e-2, "fp16": 1e-2}
NORMALISE = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Report:
    "What was seen, part by part."

    def __init__(self):
        self.begin, self.parts = time.time(), []

    def add(self, part, what, value, unit="", wanted="", ok=None, note=""):
        self.parts.append({"part": part, "what": what, "value": value, "unit": unit, "wanted": wanted, "ok": ok, "note": note})
        mark = {None: " ", True: "ok", False: "NO"}[ok]
        print(f"{time.time() - self.begin:6.0f} s  {mark:2}  {part}: {what}: {value} {unit} {wanted} {note}".rstrip(), flush=True)


class Machine:
    "The programs, and what they run on."

    def __init__(self, options):
        self.work, self.device, self.quick = Path(options.work), options.device, options.quick
        self.program = str(self.work / "encas-zoo")
        self.cuda = self.device != "cpu"
        self.env = dict(os.environ, ENCAS_TORCH_SHIM=str(self.work / "shim.so"), ENCAS_TORCH_PYTHON=sys.executable, XDG_CACHE_HOME=str(self.work / "cache"))
        # Random weights of architectures of every kind; small ones where there is no GPU.
        self.models = ["resnet18.a1_in1k", "mobilenetv3_small_050.lamb_in1k"] if self.quick else [
            "resnet50.a1_in1k", "vit_base_patch16_224.augreg_in1k", "convnext_tiny.fb_in1k", "tf_efficientnet_b0.in1k"]
        self.precisions = ["fp32", "bf16", "fp16"] if self.cuda else ["fp32", "bf16"]

    def run(self, *args, code=0, seconds=300):
        "Runs encas-zoo, and returns its two outputs."
        p = subprocess.run([self.program, *map(str, args)], capture_output=True, text=True, env=self.env, timeout=seconds)
        if p.returncode != code:
            raise RuntimeError(f"encas-zoo {' '.join(map(str, args))}: exit status {p.returncode}, not {code}: {p.stderr[-2000:]}")
        return p.stdout, p.stderr

    def ingest(self, zoo, images, *more, models=None, code=0):
        names = self.work / f"{zoo}.txt"
        names.write_text("".join(f"{line}\n" for line in models or [f"{m} size=224" for m in self.models]))
        return self.run("ingest", names, "--zoo", self.work / zoo, "--data", f"search={images}", "--classes", 1000, "--device", self.device,
                        "--python", sys.executable, "--pretrained=false", "--models-dir", self.work / "models", *more, code=code)

    def zoo(self, name):
        return {m["name"]: m for m in json.loads(self.run("zoo", "list", "--zoo", self.work / name, "--json")[0])["models"]}

    def sync(self):
        if self.cuda:
            torch.cuda.synchronize()


def photographs(machine, n):
    "A folder of n JPEG files of 500 x 375 pixels, about as large as ImageNet's: links to a few different ones."
    from PIL import Image
    folder = machine.work / f"photos{n}"
    if folder.exists():
        return folder
    folder.mkdir()
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:375, :500]
    for i in range(n):
        path = folder / f"{i:06d}.jpg"
        if i >= 16:
            os.link(folder / f"{i % 16:06d}.jpg", path)
            continue
        wave = 60 * np.sin(x * (i + 3) / 37) * np.cos(y * (i + 5) / 29)
        grain = rng.normal(0, 15, (375, 500, 3))
        Image.fromarray(np.clip(128 + wave[..., None] + grain, 0, 255).astype("uint8")).save(path, quality=90)
    (folder / "labels.csv").write_text("file,label\n" + "".join(f"{i:06d}.jpg,{i % 1000}\n" for i in range(n)))
    return folder


def shim(machine, report):
    begin = time.time()
    machine.run("shim", "build", "--python", sys.executable, "--quiet")
    report.add("shim", "compiled for this torch", round(time.time() - begin), "s")


def unit_tests(machine, report):
    "The tests of the shim that need only a Python, in the folder they belong to."
    p = subprocess.run([str(machine.work / "torch.test"), "-test.short", "-test.timeout", "200s"], cwd=ROOT / "infer" / "torch",
                       capture_output=True, text=True, env=machine.env)
    failed = re.findall(r"--- FAIL: (\S+)", p.stdout)
    report.add("tests of the shim", "failed", len(failed), wanted="0", ok=p.returncode == 0, note=" ".join(failed) or p.stdout[-300:] * (p.returncode != 0))


def rows(machine, zoo, model):
    "The stored outputs of a model."
    import pyarrow.parquet as pq
    for path in (machine.work / zoo / "archive").rglob("*.parquet"):
        if pq.read_schema(path).metadata.get(b"model") == model.encode():
            table = pq.read_table(path)
            return np.frombuffer(b"".join(table["probs"].to_pylist()), "<f2").reshape(len(table), -1).astype(np.float32)
    raise RuntimeError(f"no predictions of {model} in {zoo}")


def pixels(folder):
    "What the models see of a folder: timm's evaluation transform with a crop of 224 pixels."
    from PIL import Image
    import timm.data
    out = {}
    for path in sorted(folder.rglob("*.jpg")):
        out[path.relative_to(folder).as_posix()] = Image.open(path).convert("RGB")
    return out


def correctness(machine, report):
    "Outputs against Python's, of the same exported files, in every precision."
    import timm.data
    folder = photographs(machine, 16)
    images = pixels(folder)
    for precision in machine.precisions:
        zoo = f"correct-{precision}"
        machine.ingest(zoo, folder, "--precision", precision, "--batch", 8)
        for name, model in machine.zoo(zoo).items():
            recipe = json.loads(model["columns"]["recipe"])
            put = recipe["input"]
            transform = timm.data.create_transform(
                (3, put["height"], put["width"]), is_training=False, interpolation=put["interpolation"], mean=tuple(put["mean"]), std=tuple(put["std"]),
                crop_pct=put["crop_pct"], crop_mode=put["crop_mode"])
            x = torch.stack([transform(images[i]) for i in sorted(images)]).to(machine.device)
            net = torch.jit.load(recipe["file"], map_location=machine.device).eval()
            kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
            with torch.inference_mode(), torch.autocast(machine.device.split(":")[0], dtype=kind, enabled=kind is not None):
                python = torch.cat([net(part).float().softmax(1) for part in x.split(8)]).cpu().numpy()
            worst = float(np.abs(rows(machine, zoo, name) - python).max() / python.max())
            report.add("outputs against Python's", f"{name}, {precision}", f"{worst:.2g}", "of the largest", f"<= {TOLERANCE[precision]:g}", worst <= TOLERANCE[precision])


def multiply_adds(machine, report):
    import timm
    try:
        from torch.utils.flop_counter import FlopCounterMode
    except ImportError:
        report.add("multiply-adds", "not compared", "", note=f"torch {torch.__version__} does not count them")
        return
    for name, model in machine.zoo("correct-fp32").items():
        net = timm.create_model(name, pretrained=False).eval()
        with FlopCounterMode(display=False) as counted, torch.inference_mode():
            net(torch.zeros(1, 3, 224, 224))
        theirs, ours = counted.get_total_flops() / 2e9, float(model["columns"]["gflops"])
        report.add("multiply-adds", name, f"{ours:.4g}", "GFLOPs", f"torch counts {theirs:.4g}", abs(ours / theirs - 1) < 0.03)


def faults(machine, report):
    "A device without room, a model that fails, and models that run together."
    folder = photographs(machine, 16)
    if machine.cuda:
        big = photographs(machine, 1024)
        free = torch.cuda.mem_get_info()[0]
        filled = torch.empty(max(free - (3 << 30), 1), dtype=torch.uint8, device=machine.device)
        _, notes = machine.ingest("little-room", big, "--batch", 1024, "--precision", "fp32", models=["resnet50.a1_in1k size=224"])
        del filled
        torch.cuda.empty_cache()
        halved = re.findall(r"out of memory, going on with batches of (\d+)", notes)
        report.add("out of memory", "halved the batch of 1024 with 3 GB free", " ".join(halved), wanted="at least once", ok=bool(halved))
    (machine.work / "broken.pt").write_text("this is no model")
    out, notes = machine.ingest("one-broken", folder, models=[f"{machine.models[0]} size=224", f"{machine.work / 'broken.pt'} size=224"], code=3)
    report.add("a model that fails", "the others are in the zoo", out.strip(), ok="1 model added" in out and "broken" in notes)
    machine.ingest("together", folder, "--group-memory", 8, "--batch", 8)
    for name in machine.zoo("together"):
        same = np.array_equal(rows(machine, "together", name), rows(machine, "correct-fp32", name))
        worst = float(np.abs(rows(machine, "together", name) - rows(machine, "correct-fp32", name)).max())
        report.add("together and alone", name, f"{worst:.2g}", "difference", "0 on a CPU, rounding on a GPU", same or machine.cuda and worst <= TOLERANCE["fp32"])


class Busy(threading.Thread):
    "Samples how busy the GPU is."

    def __init__(self):
        super().__init__(daemon=True)
        self.samples, self.over = [], threading.Event()

    def run(self):
        while not self.over.wait(0.5):
            p = subprocess.run(["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"], capture_output=True, text=True)
            if p.returncode == 0 and p.stdout.strip():
                self.samples.append(int(p.stdout.split()[0]))


def throughput(machine, report):
    "Four models that share decoding, over many photographs, against the same models in Python."
    precision = "fp16" if machine.cuda else "fp32"
    n, batch = (24, 8) if machine.quick else (16384, 256)
    folder = photographs(machine, n)
    machine.ingest("warm", photographs(machine, 16))  # files are exported, not timed
    busy = Busy()
    if machine.cuda:
        busy.start()
    begin = time.time()
    machine.ingest("fast", folder, "--precision", precision, "--batch", batch, "--group-memory", 8)
    took = time.time() - begin
    busy.over.set()
    report.add("throughput", f"whole run of {len(machine.models)} models, {precision}", round(n * len(machine.models) / took), "images x models/s")
    if busy.samples:
        middle = busy.samples[len(busy.samples) // 4: -len(busy.samples) // 8 or None]
        share = statistics.mean(middle) if middle else 0
        report.add("throughput", "GPU busy in the middle of the run", round(share), "%", ">= 90", share >= 90)
    for name, model in machine.zoo("fast").items():
        ours = float(model["columns"]["throughput"])
        eager, compiled = python_rate(machine, name, precision, batch)
        ok = ours >= 0.98 * eager if machine.cuda else None
        report.add("throughput", f"{name}, batches of {batch}", round(ours, 1), "images/s", f"eager Python {eager:.1f}", ok,
                   f"compiled {compiled:.1f}" if compiled else "")


def python_rate(machine, name, precision, batch):
    "Images a second of a model in Python, from pixels on the device: eager, and compiled on a GPU."
    import timm
    net = timm.create_model(name, pretrained=False).eval().to(machine.device)
    x = torch.randint(0, 256, (batch, 224, 224, 3), dtype=torch.uint8)
    mean, std = (torch.tensor(v, device=machine.device).view(3, 1, 1) for v in NORMALISE)
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)

    def rate(net):
        times = []
        with torch.inference_mode(), torch.autocast(machine.device.split(":")[0], dtype=kind, enabled=kind is not None):
            for _ in range(3 if machine.quick else 12):
                begin = time.time()
                y = (x.to(machine.device).permute(0, 3, 1, 2).float().div(255) - mean) / std
                net(y).float().softmax(1).half().cpu()
                machine.sync()
                times.append(time.time() - begin)
        return batch / statistics.median(times[1:])

    eager, compiled = rate(net), None
    if machine.cuda:
        try:
            compiled = rate(torch.compile(net))
        except Exception as problem:  # a compiler that lacks something is no fault of ours
            print("torch.compile:", problem)
    return eager, compiled


def cascade(machine, report):
    "Time saved by a cascade against compute saved."
    precision = "fp16" if machine.cuda else "fp32"
    n, batch = (24, 8) if machine.quick else (8192, 256)
    zoo = machine.work / "fast"
    costs = {name: float(m["columns"]["gflops"]) for name, m in machine.zoo("fast").items()}
    small, large = min(costs, key=costs.get), max(costs, key=costs.get)
    # The half of the images that the small model is surest of exit.
    machine.run("evaluate", "--zoo", zoo, "--split", "search", "--cascade", small, "--answers", machine.work / "small.json")
    confidences = np.array([a["confidence"] for a in json.loads((machine.work / "small.json").read_text())])
    threshold = min(np.unique(confidences), key=lambda t: abs((confidences > t).mean() - 0.5))
    machine.run("optimize", "--zoo", zoo, "--split", "search", "--algorithm", "greedy", "--out", machine.work / "run", "--quiet")
    for out, text in (("bundle", f"{small}@{threshold},{large}"), ("large", large)):
        machine.run("export", machine.work / "run", "--zoo", zoo, "--cascade", text, "--format", "bundle", "--out", machine.work / out)
    s = json.loads(machine.run("run", machine.work / "bundle", "--data", photographs(machine, n), "--against", machine.work / "large", "--device", machine.device,
                               "--batch", batch, "--json")[0])
    a = s["against"]
    report.add("cascade", f"compute saved, {small} before {large}, {precision}", round(100 * a["saved_cost"], 1), "%")
    wanted = 0.7 * a["saved_cost"]
    report.add("cascade", f"time saved in batches of {batch}", round(100 * a["saved_time"], 1), "%", f">= {100 * wanted:.1f}",
               a["saved_time"] >= wanted if machine.cuda else None)
    report.add("cascade", "one image: p50 of the cascade, of the large model", f"{a['cascade_speed']['p50_ms_one']:.1f}, {a['other_speed']['p50_ms_one']:.1f}", "ms")


def cifar10(machine):
    "Parquet files of training and test images, and a supernet for them with random weights."
    import pyarrow.parquet as pq
    source = ROOT.parent / "shared" / "data" / "cifar10_images"
    if not source.exists():
        return None
    files = []
    for name, n in (("train", 96 if machine.quick else 9600), ("test", 48 if machine.quick else 9600)):
        files.append(machine.work / f"cifar10-{name}.parquet")
        pq.write_table(pq.read_table(source / f"{name}-00000-of-00001.parquet").slice(0, n), files[-1])
    supernet = machine.work / "supernet.pt"
    if not supernet.exists():
        family = DEMO / "mobile.json" if machine.quick else "ofa-mbv3-w1.0"
        machine.run("supernet", "export", family, "--random", "--classes", 10, "--out", supernet, "--python", sys.executable)
    return supernet, *files


def supernets(machine, report):
    "Evaluation of the largest subnet, and training of the supernet, against the same in Python."
    if not (found := cifar10(machine)):
        report.add("supernets", "left out", "", note="there is no ../shared/data/cifar10_images")
        return
    supernet, train, test = found
    precision, batch = "fp16" if machine.cuda else "fp32", 16 if machine.quick else 96
    (machine.work / "largest.txt").write_text(f"{supernet}\n")
    machine.run("ingest", machine.work / "largest.txt", "--zoo", machine.work / "largest", "--data", f"search={test}", "--device", machine.device,
                "--precision", precision, "--batch", batch)
    ours = float(next(iter(machine.zoo("largest").values()))["columns"]["throughput"])

    sys.path.insert(0, str(DEMO))
    import train as demo
    table = json.loads(machine.run("supernet", "info", supernet, "--json")[0])["table"]
    plans, net = demo.Plans(table), torch.jit.load(str(supernet), map_location=machine.device)
    kind = torch.float16 if machine.cuda else torch.bfloat16  # which is not used
    side = max(table["resolutions"])
    x, y = torch.randn(batch, 3, side, side, device=machine.device), torch.arange(batch, device=machine.device) % 10

    def median(step, n):
        times = []
        with torch.autocast(machine.device.split(":")[0], dtype=kind, enabled=machine.cuda):
            for _ in range(n):
                begin = time.time()
                step()
                machine.sync()
                times.append(time.time() - begin)
        return statistics.median(times[1:])

    def evaluate():
        with torch.inference_mode():
            net.run(x, plan, weights, norms).float().softmax(1).half().cpu()

    plan = plans.largest()
    with torch.no_grad():
        weights, norms = net.cut(plan)
    theirs = batch / median(evaluate, 3 if machine.quick else 20)
    report.add("supernets", f"evaluation of the largest subnet, batches of {batch}, {precision}", round(ours, 1), "images/s", f"Python {theirs:.1f}")

    def trained(images, name):
        begin = time.time()
        machine.run("supernet", "train", supernet, "--data", f"train={images}", "--epochs", 1, "--batch", batch, "--device", machine.device,
                    "--precision", precision, "--out", machine.work / name, "--quiet", seconds=600)
        return time.time() - begin

    import pyarrow.parquet as pq
    one = machine.work / "one.parquet"
    pq.write_table(pq.read_table(train).slice(0, batch), one)
    start = trained(one, "one.pt")  # what a single step takes is mostly to begin and to end
    n = pq.read_metadata(train).num_rows
    ours = (n - batch) / max(trained(train, "trained.pt") - start, 1e-3)

    optimizer = torch.optim.SGD([p.requires_grad_(True) for p in net.parameters() if p.numel()], 0.01, 0.9, weight_decay=4e-5, nesterov=True)
    scaler, rng = torch.cuda.amp.GradScaler(enabled=machine.cuda), random.Random(1)

    def step():
        optimizer.zero_grad()
        target = None
        for plan in (plans.largest(), plans.smallest(), plans.random(rng), plans.random(rng)):
            images = x if plan[0] == side else torch.nn.functional.interpolate(x, size=[plan[0], plan[0]])
            logits = net.observe(images, plan, net.cut(plan)[0], False)[0]
            loss = torch.nn.functional.cross_entropy(logits, y if target is None else target)
            target = logits.detach().float().softmax(1) if target is None else target
            scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    theirs = batch / median(step, 3 if machine.quick else 12)
    report.add("supernets", f"training by the sandwich rule, batches of {batch}, {precision}", round(ours, 1), "images/s", f"Python {theirs:.1f}")


def nat(machine, report):
    "An iteration of NAT on CIFAR-10 with the paper's settings."
    if not (found := cifar10(machine)):
        report.add("nat", "left out", "", note="there is no ../shared/data/cifar10_images")
        return
    supernet, train, test = found
    settings = ["--epochs", 1, "--start", 4, "--candidates", 2, "--interpolants", 10, "--calibrate-images", 32] if machine.quick else ["--epochs", 5]
    begin = time.time()
    curve = json.loads(machine.run("nat", supernet, "--data", f"val={test}", "--calibrate", f"train={train}", "--preset", "cifar", "--iterations", 1, *settings,
                                   "--device", machine.device, "--precision", "fp16" if machine.cuda else "fp32", "--out", machine.work / "nat",
                                   "--json", seconds=6 * 3600)[0])["curve"]
    report.add("nat", f"start and one iteration, {curve[-1]['subnets']} subnets", round(time.time() - begin), "s",
               note=f"hypervolume {curve[0]['hypervolume']:.3f}, then {curve[-1]['hypervolume']:.3f}")


def write(report, machine, out):
    out.mkdir(parents=True, exist_ok=True)
    card = torch.cuda.get_device_name(machine.device) if machine.cuda else f"CPU, {os.cpu_count()} cores"
    revision = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    about = {"device": card, "torch": torch.__version__, "cores": os.cpu_count(), "revision": revision, "date": time.strftime("%Y-%m-%d"),
             "quick": machine.quick, "seconds": round(time.time() - report.begin), "parts": report.parts}
    (out / "report.json").write_text(json.dumps(about, indent=1) + "\n")
    lines = [f"# On {card}", "",
             f"torch {torch.__version__}, {os.cpu_count()} cores, revision {revision}, {about['date']}, {about['seconds']} s. Written by `scripts/gpu`."
             + (" **Tiny sizes: only to see that it works.**" if machine.quick else ""),
             "", "| part | what | value | wanted | |", "|---|---|---|---|---|"]
    for p in report.parts:
        mark = {None: "", True: "yes", False: "**no**"}[p["ok"]]
        lines.append(f"| {p['part']} | {p['what']} | {p['value']} {p['unit']} | {p['wanted']} {p['note']} | {mark} |")
    (out / "REPORT.md").write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "gpu")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--nat", action="store_true")
    machine, report = Machine(options := parser.parse_args()), Report()
    if machine.cuda and not torch.cuda.is_available():
        sys.exit("gpu: torch sees no GPU; --device cpu --quick shows that everything works")
    parts = [shim, unit_tests, correctness, multiply_adds, faults, throughput, cascade, supernets]
    if options.nat:
        parts.append(nat)
    for part in parts:
        try:
            part(machine, report)
        except Exception as problem:
            report.add(part.__name__, "did not end", f"{type(problem).__name__}: {str(problem)[-1500:]}".replace("\n", " "), ok=False)
        write(report, machine, options.out)
    sys.exit(any(p["ok"] is False for p in report.parts))


main()
