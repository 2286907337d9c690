"""Progress that outlives a killed run.

DVC deletes a stage's outputs before it starts, so progress is kept beside them: in `.scratch/` of the main
checkout, under a hash of everything the result depends on. A run with other parameters, inputs or code never
finds it; the same run finds it wherever it happens, in an experiment's temporary directory too. It is removed
when the stage is done.
"""

import os
import shutil
import sys
import time
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors import SafetensorError

from stages.common import machine, progress
from stages.common.errors import UserError
from stages.common.networks.model_files import read_tensors, write_tensors
from stages.common.networks.registry import OWN

SAVE_EVERY = 20.0  # seconds: a kill loses at most this much and the current epoch


class Slot:
    """The saved state of one fit: tensors, and a JSON-like dict."""

    def __init__(self, path: Path | None):
        self._path, self._saved = path, time.monotonic()

    def due(self) -> bool:
        return self._path is not None and time.monotonic() - self._saved >= SAVE_EVERY

    def load(self) -> tuple[dict[str, torch.Tensor], dict] | None:
        """What was saved, or None, where it is damaged too."""
        if self._path is None or not self._path.exists():
            return None
        try:
            return read_tensors(self._path, "info")
        except (OSError, SafetensorError, UserError, KeyError, TypeError, ValueError):
            return None

    def save(self, tensors: dict[str, torch.Tensor], info: dict) -> None:
        """Replace what was saved, at once or not at all; where that cannot be, the training goes on without."""
        if self._path is None:
            return
        try:
            write_tensors(self._path, tensors, "info", info)
        except (OSError, UserError) as error:
            progress.say(f"warning: no progress is kept, so a stopped run begins this stage anew: {error}")
            self._path = None
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
