"""Turns models of timm, torchvision and transformers into TorchScript files for encas-zoo.

Reads one request a line from standard input and answers each with one line of
JSON on standard output; everything the libraries print goes to standard error.

    {"op": "missing", "libraries": ["torch", "timm"]}
        -> {"missing": {"timm": "ModuleNotFoundError: No module named 'timm'"}}
    {"op": "names", "source": "timm", "pattern": "tf_efficientnet_*"}
        -> {"names": [...]}
    {"op": "imagenet"}
        -> {"heads": [[[name of each output, ...], ...], ...]}, see imagenet
    {"op": "export", "source": "", "name": "resnet18.a1_in1k", "size": [h, w] or null,
     "size_of": "test" or "train", "pretrained": true, "seed": 0, "out": "file.pt"}
        -> {"meta": {...}}
    {"op": "supernet", "script": "supernet.py", ...}, see build and export there
        -> {"meta": {...}}
    an error of any kind
        -> {"error": "one line"}

The metadata also lies in the file, as the extra file encas.json.
"""
import difflib
import fnmatch
import gc
import hashlib
import importlib
import importlib.util
import json
import math
import os
import re
import signal
import sys
import warnings

# Fused attention hides its multiplications from counting and traces badly. Has to
# be said before timm is imported.
os.environ["TIMM_FUSED_ATTN"] = "0"
# What cannot be fetched is said once, by fetching.
os.environ.setdefault("HF_HUB_VERBOSITY", "error")

MISSING = {}  # why a library cannot be imported


def library(name):
    """A module, or None with its reason in MISSING."""
    try:
        return importlib.import_module(name)
    except Exception as err:  # what is half installed raises anything
        MISSING[name] = one_line(err)


def one_line(err):
    text = (str(err) or repr(err)).strip()
    # An interpreter error ends with its cause.
    text = text.splitlines()[-1 if "Traceback of TorchScript" in text else 0]
    return f"{type(err).__name__}: {text}"


torch = library("torch")
timm = library("timm") if torch else None
torchvision = library("torchvision") if torch else None

FORMAT = 3  # of the metadata
CHECKED_BATCHES = (1, 2)
TOLERANCE = 1e-5  # on softmax outputs


class Refused(Exception):
    """Something the user can act on."""


def names(source, pattern):
    """The names of a library's models that match a shell pattern, sorted."""
    if source == "timm":
        need(timm, "timm")
        # With a tag in the pattern a name has one; without, architectures match, and
        # their default weights are meant.
        pool = timm.list_pretrained() if "." in pattern else timm.list_models()
    else:
        need(torchvision, "torchvision")
        pool = [n for n in torchvision.models.list_models() if "/" not in n and not n.startswith("quantized_")]
        pool = [n for n in pool if hasattr(torchvision.models, n)]  # classifiers only
    found = sorted(n for n in pool if fnmatch.fnmatchcase(n, pattern))
    if not found:
        raise Refused(f"no model of {source} matches" + meant(re.sub(r"[*?\[\]]", "", pattern), pool))
    return found


def need(module, name):
    if module is None:
        raise Refused(f"{name} is not installed in this Python ({sys.executable})")


def meant(name, pool):
    """The end of a message about an unknown name: those that are most like it."""
    near = difflib.get_close_matches(name, dict.fromkeys(pool), 3, 0.7)
    return "; did you mean " + " or ".join(near) + "?" if near else ""


def fetching(name, err):
    """What to do about an error of fetching a model, or None if it is another error."""
    kinds, text, at = set(), str(err), err
    while at is not None and len(kinds) < 20:
        kinds.update(kind.__name__ for kind in type(at).__mro__)
        at = at.__cause__ or at.__context__
    hub = library("huggingface_hub")
    cached = []
    if hub:
        cache = getattr(hub.constants, "HF_HUB_CACHE", "")
        if os.path.isdir(cache):
            cached = [d[len("models--") :].replace("--", "/") for d in os.listdir(cache) if d.startswith("models--")]
    bare = name.partition(":")[2] or name
    if "GatedRepoError" in kinds:
        return f"huggingface.co gives {bare} to those alone who have accepted its terms there and are logged in (huggingface-cli login)"
    if "RepositoryNotFoundError" in kinds:
        return f"huggingface.co has no model {bare}, or it is private (huggingface-cli login)" + meant(bare, cached)
    if "HTTPError" in kinds and "URLError" in kinds:
        return None
    if "URLError" in kinds:
        return f"its weights are not in the cache of torch ({torch.hub.get_dir()}), and the site that has them cannot be reached: {one_line(err)}"
    if hub and (kinds & {"LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectionError", "ConnectError"} or "couldn't connect to" in text):
        why = "HF_HUB_OFFLINE forbids to fetch it" if hub.constants.HF_HUB_OFFLINE else f"{hub.constants.ENDPOINT} cannot be reached"
        return f"{bare} is not, or not wholly, in the cache of Hugging Face ({cache}), and {why}" + meant(bare, [c for c in cached if c != bare])
    return None


# The widths of timm's image towers of CLIP and its like: embeddings to be compared with
# those of texts. No classifier that timm publishes has as many classes.
EMBEDDINGS = {384, 512, 640, 768, 1024, 1152, 1280}


def refuse_features(model, cfg, hub):
    """Raises where a model of timm is published without a classifier."""
    names = f"{cfg.get('architecture')} {cfg.get('tag')} {cfg.get('hf_hub_id')}".lower()
    if not model.num_classes:
        raise Refused("it has no classifier: its weights are published without a head (num_classes 0), and what it gives are features")
    if model.num_classes in EMBEDDINGS and (not hub or "clip" in names):
        raise Refused(f"it has no classifier: its {model.num_classes} outputs are an embedding to be compared with those of texts")


def create_timm(name, size, pretrained, size_of):
    from timm.data import resolve_data_config

    hub = name.startswith(("hf_hub:", "hf-hub:"))
    if not hub:
        if not known_to_timm(name):
            raise Refused(f"timm knows no model {name}" + meant(name, timm.list_models() + timm.list_pretrained()))
        arch, _, tag = name.partition(".")
        published = timm.list_pretrained(arch + ".*")
        if tag and timm.is_model(arch) and published and name not in published:
            raise Refused(f"timm knows no weights {name}" + (meant(name, published) or "; it has " + ", ".join(published[:5])))
    elif pretrained and library("safetensors") is None:
        # timm would then load weights of anybody that are pickled, without a word.
        raise Refused(f"weights from {name} need the package safetensors ({MISSING['safetensors']}): {sys.executable} -m pip install safetensors")
    options = {}
    if size:
        options["img_size"] = tuple(size)
    try:
        model = timm.create_model(name, pretrained=pretrained, **options)
    except TypeError:
        # Convolutional models take any size and no argument for it.
        if not options:
            raise
        model = timm.create_model(name, pretrained=pretrained)
    cfg = dict(model.pretrained_cfg or model.default_cfg)
    refuse_features(model, cfg, hub)
    train = resolve_data_config({}, model=model, use_test_size=False)
    if size_of == "test" and not cfg.get("fixed_input_size", False):
        data = resolve_data_config({}, model=model, use_test_size=True)
    else:
        data = train
    channels, height, width = data["input_size"]
    if channels != 3:
        raise Refused(f"it takes {channels} channels and not 3")
    if size:
        height, width = size
    return model, {
        "source": "timm",
        "version": timm.__version__,
        "architecture": cfg.get("architecture", name),
        "tag": cfg.get("tag", ""),
        "image_size": [height, width],
        "train_size": list(train["input_size"][1:]),
        "mean": list(data["mean"]),
        "std": list(data["std"]),
        "crop_pct": data["crop_pct"],
        "crop_mode": data.get("crop_mode", "center"),
        "interpolation": data["interpolation"],
        "license": cfg.get("license") or "",
        **timm_labels(cfg, model.num_classes, not hub or name.partition(":")[2].startswith("timm/")),
    }


def create_torchvision(name, size, pretrained):
    try:
        weights = torchvision.models.get_model_weights(name).DEFAULT
    except (ValueError, AttributeError) as err:
        raise Refused(f"torchvision knows no model {name}" + meant(name, names("torchvision", "*"))) from err
    preset = weights.transforms()
    if not hasattr(preset, "crop_size"):
        raise Refused("it is no image classifier")
    model = torchvision.models.get_model(name, weights=weights if pretrained else None)
    crop, resize = preset.crop_size[0], preset.resize_size[0]
    return model, {
        "source": "torchvision",
        "version": torchvision.__version__,
        "architecture": name,
        "tag": weights.name if pretrained else "",
        "image_size": list(size) if size else [crop, crop],
        "mean": list(preset.mean),
        "std": list(preset.std),
        "crop_pct": exact_pct(crop, resize),
        "crop_mode": "center",
        "interpolation": preset.interpolation.value,
        "license": "bsd-3-clause",
        **called(list(weights.meta.get("categories") or [])),
    }


def labels(names, classes):
    """What a model calls its classes, in their order; none if that is not known."""
    if isinstance(names, dict):
        names = [names.get(i) for i in range(classes)]
    names = ["" if n is None else str(n) for n in names or []]
    if len(names) != classes or any(n in ("", f"LABEL_{i}") or len(n) > 1024 for i, n in enumerate(names)):
        return []
    return [] if all(n == str(i) for i, n in enumerate(names)) else names


def timm_labels(cfg, classes, published):
    """The classes of a model of timm: those that its configuration names, else, of a model
    that timm itself publishes, those of ImageNet."""
    own = labels(cfg.get("label_names"), classes)
    described = cfg.get("label_descriptions")
    if own and isinstance(described, dict):
        described = [described.get(n) for n in own]
    lists = [own, labels(described, classes)] if own else imagenet(classes) if published else []
    return {"labels": lists[0] if lists else [], "aliases": [names for names in lists[1:] if names]}


# The numbers of outputs of timm's ImageNet heads.
IMAGENET = (1000, 11221, 11821, 21841, 21842, 21843)


def imagenet(classes):
    """What an ImageNet head with so many outputs calls them: lists of one name an output,
    the synsets, then, of those in ImageNet-1k alone, the words of WordNet and those of
    torchvision. No list if timm does not know."""
    if classes not in IMAGENET or timm is None or not hasattr(timm.data, "ImageNetInfo"):
        return []
    subset = timm.data.infer_imagenet_subset({"num_classes": classes})
    if subset is None:
        return []
    synsets = timm.data.ImageNetInfo(subset).label_names()
    usual = timm.data.ImageNetInfo("imagenet-1k")
    words = [usual.label_descriptions(), categories()]
    words = [dict(zip(usual.label_names(), names)) for names in words if names]
    return [synsets, *([names.get(s, "") for s in synsets] for names in words)]


def categories():
    """ImageNet-1k as torchvision calls it, if it is there."""
    if not hasattr(getattr(torchvision, "models", None), "get_model_weights"):
        return []
    return torchvision.models.get_model_weights("resnet18").DEFAULT.meta["categories"]


def called(names):
    """Labels, and if they are those of an ImageNet head its other names, too."""
    for known in imagenet(len(names)):
        if sum(n.lower() == k.lower() for n, k in zip(names, known)) >= 0.9 * sum(k != "" for k in known):
            return {"labels": names, "aliases": [k for k in imagenet(len(names)) if k != names]}
    return {"labels": names, "aliases": []}


def create_transformers(name, size, pretrained):
    transformers = library("transformers")
    need(transformers, "transformers")
    config = transformers.AutoConfig.from_pretrained(name)
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(name)
    except OSError as err:
        raise Refused(f"it does not say how its images are prepared: {fetching(name, err) or one_line(err)}") from err
    preparation = prepared(type(processor).__name__, processor.to_dict())
    auto = transformers.AutoModelForImageClassification
    if pretrained:
        # Other weights than safetensors are pickled programs.
        if os.path.isdir(name) and not any(f.endswith((".safetensors", ".safetensors.index.json")) for f in os.listdir(name)):
            raise Refused("its weights are not in the format safetensors, and what is pickled is not run; save it again with save_pretrained(..., safe_serialization=True)")
        model, loading = auto.from_pretrained(name, output_loading_info=True, use_safetensors=True)
        lost = [*loading["missing_keys"], *loading["mismatched_keys"]]
        if lost:
            raise Refused(f"it has no classifier: its weights lack {lost[0]}{' and more' * (len(lost) > 1)}, which would be random")
    else:
        model = auto.from_config(config)
    if size:
        preparation["image_size"] = list(size)
    return logits(model), {
        "source": "hf",
        "version": transformers.__version__,
        "architecture": config.model_type,
        "tag": "",
        "license": "",
        **called(labels(config.id2label, config.num_labels)),
        **preparation,
    }


def logits(model):
    """The model of transformers, returning its logits alone."""

    class Alone(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(pixel_values=x, return_dict=False)[0]

    return Alone()


FILTERS = {1: "lanczos", 2: "bilinear", 3: "bicubic"}  # of Pillow


# The image processors that do no more than resize, crop and normalise.
PROCESSORS = re.compile("(ViT|Deit|DeiT|Beit|CLIP|Siglip|Bit|MobileNetV1|MobileNetV2|ConvNext)(ImageProcessor(Fast)?|FeatureExtractor)")


def prepared(kind, processor):
    """What an image processor of transformers does, said as timm says it."""

    def unknown(what):
        return Refused(f"its images are prepared in a way that encas-zoo does not know: {what}")

    def sides(size):
        """Height and width, or the shorter side twice, and whether it is that."""
        if "shortest_edge" in size:
            return [size["shortest_edge"]] * 2, True
        if "height" in size and "width" in size:
            return [size["height"], size["width"]], False
        raise unknown(f"their size is {size}")

    if not PROCESSORS.fullmatch(kind):
        raise unknown(f"by {kind}")
    for step in ("do_resize", "do_rescale", "do_normalize"):
        if not processor.get(step):
            raise unknown(f"{step} is off")
    if abs(processor["rescale_factor"] * 255 - 1) > 1e-6:
        raise unknown(f"rescaled by {processor['rescale_factor']}")
    if int(processor["resample"]) not in FILTERS:
        raise unknown(f"resampled by filter {processor['resample']} of Pillow")
    size, shorter = sides(processor["size"])
    mode = "floor" if shorter else "squash"
    crop_pct = 1.0
    if "crop_pct" in processor:  # ConvNeXt, which squashes from 384 pixels on
        if size[0] >= 384:
            mode = "squash"
        else:
            crop_pct = processor["crop_pct"]
    elif processor.get("do_center_crop"):
        resized, (size, _) = size, sides(processor["crop_size"])
        if resized[0] != resized[1] or size[0] != size[1] or size[0] > resized[0]:
            raise unknown(f"resized to {resized}, then cropped to {size}")
        crop_pct = exact_pct(size[0], resized[0])
    elif shorter:
        raise unknown("they are not cropped to one size")
    return {
        "image_size": size,
        "mean": list(processor["image_mean"]),
        "std": list(processor["image_std"]),
        "crop_pct": crop_pct,
        "crop_mode": mode,
        "interpolation": FILTERS[int(processor["resample"])],
    }


def exact_pct(crop, resize):
    """The crop_pct with which timm, floor(crop / crop_pct), resizes to just that side."""
    pct = crop / resize
    while math.floor(crop / pct) < resize:
        pct = math.nextafter(pct, 0)
    return pct


def create(source, name, size, pretrained, size_of="test"):
    """The model and what is known of it. An empty source means timm, or torchvision
    where timm is not installed or knows no such model."""
    if source == "hf":
        return create_transformers(name, size, pretrained)
    if source == "timm" or not source and timm is not None and known_to_timm(name):
        need(timm, "timm")
        return create_timm(name, size, pretrained, size_of)
    need(torchvision, "torchvision" if source else "timm or torchvision")
    if not source and timm is None and "." in name:
        raise Refused("a name with a tag is one of timm, which is not installed in this Python")
    if not source and timm is not None and name not in names("torchvision", "*"):
        raise Refused(f"neither timm nor torchvision knows a model {name}" + meant(name, timm.list_models() + timm.list_pretrained() + names("torchvision", "*")))
    return create_torchvision(name, size, pretrained)


def known_to_timm(name):
    if name.startswith(("hf_hub:", "hf-hub:")):
        return True
    arch = name.split(".")[0]
    if timm.is_model(arch):
        return True
    deprecated = getattr(timm.models._registry, "_deprecated_models", {})
    return any(name in table for table in deprecated.values())


def checkpoint_hash(model):
    """SHA-256 over the names, types, shapes and values of all weights and buffers."""
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        if not torch.is_tensor(value):
            continue
        value = value.detach().cpu().contiguous()
        digest.update(f"{key} {value.dtype} {tuple(value.shape)} ".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data if value.numel() else b"")
    return digest.hexdigest()


def freeze(model, picture, *ways):
    """The first of some ways to compile a model that gives what the model itself gives,
    frozen, and its number of classes. The error is that of the first way.

    A trace takes what Python computes from shapes for constants. Where a model does
    that with the batch size, as conditional convolutions do, it has to be scripted."""
    first = None
    for way in ways:
        try:
            # Numerics stay as they are: folding batch norms into convolutions would
            # change the logits in their last bits.
            compiled = torch.jit.freeze(way().eval(), optimize_numerics=False)
            for n in CHECKED_BATCHES:
                classes = check(model, compiled, picture(n))
            return compiled, classes
        except Exception as err:
            first = first or err
    raise first


def check(model, compiled, x):
    """Compares both on some images and returns the number of classes."""
    want, got = model(x), compiled(x)
    if not torch.is_tensor(want) or want.dim() != 2:
        raise Refused("its output is not one row of numbers an image")
    # Shapes first: a batch size that was taken for a constant may broadcast.
    if got.shape != want.shape:
        raise Refused(f"compiled it gives {tuple(got.shape)} for a batch of {len(x)} and not {tuple(want.shape)}")
    error = (want.softmax(1) - got.softmax(1)).abs().max().item()
    if not error <= TOLERANCE:
        raise Refused(f"the compiled model differs from the eager one by {error:.2g} on a batch of {len(x)}")
    return want.shape[1]


def forget():
    """Lets go of what torch keeps of every compiled model: its type, and with that of a
    frozen one all its weights."""
    torch._C._jit_clear_class_registry()
    torch.jit._recursive.concrete_type_store = torch.jit._recursive.ConcreteTypeStore()
    torch.jit._state._clear_class_state()
    gc.collect()


def export(source, name, size, size_of, pretrained, seed, out):
    torch.manual_seed(seed)
    model, meta = create(source, name, size, pretrained, size_of)
    model.eval()
    height, width = meta["image_size"]
    meta.update(
        format=FORMAT,
        name=name,
        params=sum(p.numel() for p in model.parameters()),
        checkpoint=checkpoint_hash(model),
        pretrained=pretrained,
        torch=torch.__version__,
    )
    generator = torch.Generator().manual_seed(1)
    picture = lambda n: torch.randn(n, 3, height, width, generator=generator)
    with torch.no_grad():
        # check_trace would compare on the traced input alone.
        trace = lambda: torch.jit.trace(model, picture(2), check_trace=False)
        compiled, meta["classes"] = freeze(model, picture, trace, lambda: torch.jit.script(model))
    temp = f"{out}.{os.getpid()}.tmp"
    try:
        torch.jit.save(compiled, temp, _extra_files={"encas.json": json.dumps(meta).encode()})
        os.replace(temp, out)
    finally:
        if os.path.exists(temp):
            os.remove(temp)
    return meta


def supernet(path):
    """The module supernet.py. It has to be a file: the compiler reads its source."""
    spec = importlib.util.spec_from_file_location("supernet", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(request):
    if request["op"] == "missing":
        for name in request["libraries"]:
            if name not in MISSING:
                library(name)
        return {"missing": {name: MISSING[name] for name in request["libraries"] if name in MISSING}}
    need(torch, "torch")
    if request["op"] == "names":
        return {"names": names(request["source"], request["pattern"])}
    if request["op"] == "imagenet":
        need(timm, "timm")
        return {"heads": [head for head in map(imagenet, IMAGENET) if head]}
    try:
        if request["op"] == "supernet":
            return {"meta": supernet(request["script"]).export(sys.modules[__name__], request)}
        return {"meta": export(*(request[k] for k in ("source", "name", "size", "size_of", "pretrained", "seed", "out")))}
    finally:
        forget()


def main():
    # Ctrl-C reaches all processes of a terminal; encas-zoo ends this one itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # The tracer warns of every shape in Python; what comes of it is checked.
    warnings.simplefilter("ignore")
    # nn.MultiheadAttention's shortcut for inference cannot be traced.
    if torch and hasattr(torch.backends, "mha"):
        torch.backends.mha.set_fastpath_enabled(False)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = answer(request)
        except Refused as err:
            reply = {"error": str(err)}
        except Exception as err:  # whatever a library raises concerns this model alone
            reply = {"error": request.get("name") and fetching(request["name"], err) or one_line(err)}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
