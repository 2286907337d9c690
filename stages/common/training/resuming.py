"""Progress that outlives a killed run.

DVC deletes a stage's outputs before it starts, so progress is kept beside them: in `.scratch/` of the main
checkout, under a hash of everything the result depends on. A run with other parameters, inputs or code never
finds it; the same run finds it wherever it happens, in an experiment's temporary directory too. It is removed
when the stage is done.
"""

import json
import os
import shutil
import sys
import time
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from stages.common import machine
from stages.common.networks.registry import OWN

SAVE_EVERY = 20.0  # seconds: a kill loses at most this much and the current epoch


class Slot:
    """The saved state of one fit: tensors, and a JSON-like dict."""

    def __init__(self, path: Path | None):
        self._path, self._saved = path, time.monotonic()

    def due(self) -> bool:
        return self._path is not None and time.monotonic() - self._saved >= SAVE_EVERY

    def load(self) -> tuple[dict[str, torch.Tensor], dict] | None:
        """What was saved, or None."""
        if self._path is None or not self._path.exists():
            return None
        try:
            with safe_open(self._path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                return tensors, json.loads(file.metadata()["info"])
        except (OSError, SafetensorError):
            return None

    def save(self, tensors: dict[str, torch.Tensor], info: dict) -> None:
        """Replace what was saved, at once or not at all."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(f".{os.getpid()}")
        save_file(
            {k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part, {"info": json.dumps(info)}
        )
        os.replace(part, self._path)
        self._saved = time.monotonic()


class Resumable:
    """A stage's progress: `with Resumable("prune", params, inputs) as resumable: ... resumable.slot("step 1")`.

    params: what the stage read of params.yaml; inputs: the files it reads. With the project's modules
    that are loaded by now, and the machine's settings, they make the key: half a fit with two threads and
    half with one would be neither's.
    """

    def __init__(self, stage: str, params: SimpleNamespace, inputs: list[Path]):
        digest = blake2b(f"{sys.argv[1:]} {params} {machine.settings()}".encode(), digest_size=10)
        for path in [*inputs, *_modules()]:
            digest.update(blake2b(path.read_bytes()).digest())
        root = Path(os.environ.get("DVC_ROOT", ".")) / ".scratch"
        self._folder = root / f"{stage}-{digest.hexdigest()}"

    def slot(self, name: str) -> Slot:
        return Slot(self._folder / f"{name.replace(' ', '_')}.safetensors")

    def __enter__(self) -> "Resumable":
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _modules() -> list[Path]:
    """Source files of the project's modules and of own networks that this process has loaded, sorted."""
    modules = [m for n, m in sys.modules.items() if n.split(".")[0] == "stages" or n.startswith(OWN)]
    files = {getattr(module, "__file__", None) for module in modules}
    files.add(getattr(sys.modules["__main__"], "__file__", None))
    return sorted(Path(f) for f in files if f)


class Parent:
    """Ends this process when DVC is gone: a killed DVC leaves its stage writing beside the next run."""

    def __init__(self):
        self._parent = os.getppid() if "DVC_STAGE" in os.environ else None

    def check(self) -> None:
        if self._parent is not None and os.getppid() != self._parent:
            sys.exit("error: dvc was stopped, so this stage stops too; run `dvc repro` to go on from here")
