"""Which networks there are: a name to a network.

student, cnn, resnet18      this project's
torchvision/<name>          a classifier of torchvision
timm/<name>                 a classifier of timm
path/to/file.py:function    your own: the function takes the number of classes and gives an `nn.Module`
"""

import copy
import hashlib
import importlib.util
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

import torch
from torch import nn
from torch.nn.utils import parametrize

from stages.common.data.views import Normalization
from stages.common.errors import UserError
from stages.common.networks import convnet
from stages.common.networks.convolution import quick

# torchvision's, which timm's networks share unless they say otherwise.
IMAGENET = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALVES = Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
OWN = "own_network_"  # how the names of their modules begin
WITHOUT_AUXILIARY = ("googlenet", "inception_v3")  # their second and third classifiers serve training alone


def _student(classes: int, size: int) -> nn.Module:
    return convnet.ConvNet(classes, separable=True)


def _cnn(classes: int, size: int) -> nn.Module:
    return convnet.ConvNet(classes, separable=False)


def _resnet18(classes: int, size: int) -> nn.Module:
    return _torchvision("resnet18", classes, size)


OURS: dict[str, Callable[[int, int], nn.Module]] = {"student": _student, "cnn": _cnn, "resnet18": _resnet18}


def cuttable(architecture: str) -> tuple[str, ...]:
    """How the names of the layers begin whose channels may be cut; () where all may be tried."""
    return convnet.CUTTABLE if architecture in ("student", "cnn") else ()


def build(architecture: str, classes: int, image_size: int) -> nn.Module:
    """A freshly initialized network for photos (N, 3, image_size, image_size): logits (N, classes).

    Weights come from torch's default generator: seed it first. Raises `UserError` where there is no such
    network, or where it cannot be built so.
    """
    source, _, name = architecture.partition("/")
    if architecture in OURS:
        model = OURS[architecture](classes, image_size)
    elif is_own(architecture):
        model = _own(architecture, classes)
    elif source == "torchvision":
        model = _torchvision(name, classes, image_size)
    elif source == "timm":
        model = _timm(name, classes, image_size)
    else:
        raise _unknown(architecture, list(OURS))
    return quick(model)


def is_own(architecture: str) -> bool:
    return ".py:" in architecture


def digest(architecture: str) -> str:
    """A digest of an own network's file and those beside it, "" for others. Raises `UserError` without it."""
    if not is_own(architecture):
        return ""
    path, sum_ = _file(architecture), hashlib.blake2b(digest_size=16)
    beside = sorted(path.parent.glob("*.py")) if path.parent != Path() else [path]  # what it may import
    for file in beside:
        sum_.update(f"{file.name} {file.stat().st_size} ".encode() + file.read_bytes())
    return sum_.hexdigest()


def normalization(architecture: str) -> Normalization:
    """What a library's pretrained weights of this network expect; ImageNet's where nothing else is said."""
    source, _, name = architecture.partition("/")
    if source == "timm":
        import timm

        of = timm.models.get_pretrained_cfg(name)
        return Normalization(tuple(of.mean), tuple(of.std)) if of else IMAGENET
    return HALVES if name in WITHOUT_AUXILIARY else IMAGENET  # those two were trained so, and undo ImageNet's


def fits(model: nn.Module, architecture: str, classes: int, image_size: int) -> nn.Module:
    """`model`, once it has answered two photos as a classifier does, while training and not.

    Raises `UserError` where it cannot, or where its tensors are none that a file can hold apart.
    """
    _require_plain(model, architecture)
    training, twin = model.training, copy.deepcopy(model)  # running statistics of `model` stay as they are
    for mode in (False, True):
        try:
            with torch.no_grad(), torch.random.fork_rng():
                logits = twin.train(mode)(torch.zeros(2, 3, image_size, image_size))
        except Exception as error:  # of whoever wrote the network
            reason = (str(error).splitlines() or [""])[0]
            raise UserError(
                f"{architecture}: cannot take photos of {image_size} pixels ({type(error).__name__}: {reason}); "
                "give it larger ones (image_size)"
            ) from None
        if not isinstance(logits, torch.Tensor) or logits.shape != (2, classes):
            found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise UserError(
                f"{architecture}: answers two photos with {found} instead of (2, {classes}) logits"
            )
    return model.train(training)


def _require_plain(model: nn.Module, architecture: str) -> None:
    """Raises `UserError` for tensors that are shared, computed from others, or have no shape yet."""
    names: dict[int, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if nn.parameter.is_lazy(parameter):
            raise UserError(f"{architecture}: {name} has no shape yet: give lazy layers their sizes")
        if (first := names.setdefault(id(parameter), name)) != name:
            raise UserError(f"{architecture}: {first} and {name} are one tensor: give each layer its own")
    for name, layer in model.named_modules():
        if parametrize.is_parametrized(layer):
            raise UserError(f"{architecture}: the weights of {name} are computed from others: remove that")


def classifier_tensors(architecture: str, image_size: int) -> list[str]:
    """Names of the tensors whose first axis is the classes: those of the classifier."""
    two, three = (state_shapes(architecture, n, image_size) for n in (2, 3))
    return [name for name in two if two[name] != three[name]]


def state_shapes(architecture: str, classes: int, image_size: int) -> dict[str, torch.Size]:
    """Shapes of the network's tensors, by name; no random number is drawn."""
    try:
        with torch.device("meta"):
            state = build(architecture, classes, image_size).state_dict()
    except UserError:  # an own network may compute with numbers as it is built
        with torch.random.fork_rng():
            state = build(architecture, classes, image_size).state_dict()
    return {name: tensor.shape for name, tensor in state.items()}


def require_known(key: str, architecture: str) -> None:
    """Raises `UserError` naming the parameter where there is no such network; nothing is built."""
    source, _, name = architecture.partition("/")
    try:
        if is_own(architecture):
            _file(architecture)
        elif source == "torchvision":
            _require_torchvision(name)
        elif source == "timm":
            _require_timm(name)
        elif architecture not in OURS:
            raise _unknown(architecture, list(OURS))
    except UserError as error:
        raise UserError(f"{key}.architecture: {error}") from None


def _require_torchvision(name: str) -> None:
    from torchvision import models  # here, since most stages never need its 2 s of import

    names = models.list_models(module=models)
    if name not in names:
        raise _unknown(f"torchvision/{name}", [f"torchvision/{n}" for n in names])


def _torchvision(name: str, classes: int, size: int) -> nn.Module:
    from torchvision import models

    _require_torchvision(name)
    options = {"aux_logits": False, "init_weights": True} if name in WITHOUT_AUXILIARY else {}
    if name.startswith("vit_"):
        options["image_size"] = size
    return _called(
        f"torchvision/{name}", models.get_model, name, weights=None, num_classes=classes, **options
    )


def _require_timm(name: str) -> str:
    """The name without its tag, which names weights: weights come from a file."""
    import timm  # here, since its import takes seconds

    bare = name.partition(".")[0]
    if not timm.is_model(bare):
        raise _unknown(f"timm/{name}", [f"timm/{n}" for n in timm.list_models()])
    if name != bare and name not in timm.list_pretrained(f"{bare}.*"):
        raise _unknown(f"timm/{name}", [f"timm/{n}" for n in timm.list_pretrained(f"{bare}.*")])
    return bare


def _timm(name: str, classes: int, size: int) -> nn.Module:
    import timm

    bare = _require_timm(name)
    of = timm.models.get_pretrained_cfg(bare)
    options = {"img_size": size} if of is not None and of.fixed_input_size else {}
    return _called(f"timm/{name}", timm.create_model, bare, pretrained=False, num_classes=classes, **options)


def _file(architecture: str) -> Path:
    """The file of an own network, which must lie in the project."""
    path = Path(architecture.rpartition(":")[0])
    if path.is_absolute() or not path.resolve().is_relative_to(Path.cwd()):
        raise UserError(f"{architecture}: {path} lies outside of the project; own networks lie inside")
    if not path.is_file():
        raise UserError(f"{architecture}: there is no file {path}")
    return path


def _own(architecture: str, classes: int) -> nn.Module:
    path, name = _file(architecture), architecture.rpartition(":")[2]
    module = _called(architecture, _module, path)
    if not callable(getattr(module, name, None)):
        functions = [n for n, of in vars(module).items() if callable(of) and not n.startswith("_")]
        raise _unknown(architecture, [f"{path}:{n}" for n in functions])
    model = _called(architecture, getattr(module, name), classes)
    if not isinstance(model, nn.Module):
        raise UserError(f"{architecture}: gave {type(model).__name__}, not an nn.Module")
    return model


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{OWN}{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses and pickling look
    spec.loader.exec_module(module)
    return module


def _called(architecture: str, function: Callable, *args, **options):
    """The function's answer. Raises `UserError` where it fails, in whatever way."""
    try:
        return function(*args, **options)
    except Exception as error:  # of whoever wrote the network
        reason = (str(error).splitlines() or [""])[0]
        raise UserError(f"{architecture}: cannot be built ({type(error).__name__}: {reason})") from None


def _unknown(architecture: str, names: list[str]) -> UserError:
    near = get_close_matches(architecture, names, 3, 0.5)
    return UserError(f"{architecture}: no such network; the nearest: {', '.join(near) or 'none is near'}")
