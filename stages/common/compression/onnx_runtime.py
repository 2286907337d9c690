"""Running an exported network on onnxruntime: photos in, logits out, and no torch."""

import hashlib
import json
import os
from pathlib import Path

# onnxruntime warns about what it cannot find out of a container's processors; it is told its threads anyway.
os.environ.setdefault("ORT_LOGGING_LEVEL", "3")

import numpy as np
import onnxruntime

from stages.common import machine
from stages.common.errors import UserError, printable

BATCH = 256  # photos; no result depends on it
INPUT, OUTPUT = "photos", "logits"
# An ONNX file is a protocol buffer, where a field may be repeated at the end: this is one more entry of
# metadata_props (field 14), "sha256", whose value is the digest of all bytes before it.
_SEAL = b"\x72\x4a\x0a\x06sha256\x12\x40"


def sealed(content: bytes) -> bytes:
    """An ONNX file with a digest in its metadata, which tells damage."""
    return content + _SEAL + hashlib.sha256(content).hexdigest().encode()


def is_whole(content: bytes) -> bool | None:
    """Whether an ONNX file is as its digest says; None where it has none."""
    body, seal = content[: -len(_SEAL) - 64], content[-len(_SEAL) - 64 : -64]
    return sealed(body) == content if seal == _SEAL else None


class OnnxModel:
    """A network file that `onnx_export.export` wrote, opened for `threads` threads (all, unless told).

    Raises `UserError` where the file is missing, damaged, no ONNX file or not written by this project.
    """

    def __init__(self, path: Path | str, threads: int | None = None):
        path, here = Path(path), printable(str(path))
        try:
            content = path.read_bytes() if path.is_file() else None
        except OSError as error:
            raise UserError(f"{here}: cannot be read ({error.strerror})") from None
        if content is None:
            raise UserError(f"{here}: no such model file; `dvc repro` makes it, `dvc pull` fetches it")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or machine.workers()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that wait, spinning, for the next batch would take a processor from whoever makes it.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        if is_whole(content) is False:
            raise UserError(_damaged(here))
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            facts = self._session.get_modelmeta().custom_metadata_map
            self.classes: list[str] = json.loads(facts["classes"])
            self.image_size = int(facts["image_size"])  # pixels, height and width
        except KeyError as error:
            raise UserError(f"{here}: not a model file of this project (no {error} in it)") from None
        except Exception as error:  # onnxruntime has a class of its own for each way to fail
            reason = str(error).splitlines()[0]
            raise UserError(f"{here}: not a model file of this project ({reason})") from None
        if "sha256" in facts and not is_whole(content):
            raise UserError(_damaged(here))

    def logits(self, photos: np.ndarray) -> np.ndarray:
        """Of one batch of photos (N, S, S, 3) uint8, RGB: (N, classes) float32."""
        return self._session.run([OUTPUT], {INPUT: photos})[0]

    def predict(self, photos: np.ndarray) -> np.ndarray:
        """As `logits`, of any number of photos, a batch at a time; the array may be mapped from a file."""
        starts = range(0, len(photos), BATCH)
        return np.concatenate([self.logits(np.asarray(photos[i : i + BATCH])) for i in starts])


def _damaged(path: str) -> str:
    return f"{path}: damaged: its content is not what its digest says; delete it and run `dvc checkout`"
