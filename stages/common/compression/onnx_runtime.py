"""Running an exported network on onnxruntime: photos in, logits out, and no torch."""

import json
import os
from pathlib import Path

# onnxruntime warns about what it cannot find out of a container's processors; it is told its threads anyway.
os.environ.setdefault("ORT_LOGGING_LEVEL", "3")

import numpy as np
import onnxruntime

from stages.common import machine
from stages.common.errors import UserError

BATCH = 256  # photos; no result depends on it
INPUT, OUTPUT = "photos", "logits"


class OnnxModel:
    """A network file that `onnx_export.export` wrote, opened for `threads` threads (all, unless told).

    Raises `UserError` where the file is missing, is no ONNX file or was not written by this project.
    """

    def __init__(self, path: Path | str, threads: int | None = None):
        if not Path(path).is_file():
            raise UserError(f"{path}: no such model file; `dvc repro` makes it, `dvc pull` fetches it")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or machine.workers()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that wait, spinning, for the next batch would take a processor from whoever makes it.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            facts = self._session.get_modelmeta().custom_metadata_map
            self.classes: list[str] = json.loads(facts["classes"])
            self.image_size = int(facts["image_size"])  # pixels, height and width
        except KeyError as error:
            raise UserError(f"{path}: not a model file of this project (no {error} in it)") from None
        except Exception as error:  # onnxruntime has a class of its own for each way to fail
            reason = str(error).splitlines()[0]
            raise UserError(f"{path}: not a model file of this project ({reason})") from None

    def logits(self, photos: np.ndarray) -> np.ndarray:
        """Of one batch of photos (N, S, S, 3) uint8, RGB: (N, classes) float32."""
        return self._session.run([OUTPUT], {INPUT: photos})[0]

    def predict(self, photos: np.ndarray) -> np.ndarray:
        """As `logits`, of any number of photos, a batch at a time; the array may be mapped from a file."""
        starts = range(0, len(photos), BATCH)
        return np.concatenate([self.logits(np.asarray(photos[i : i + BATCH])) for i in starts])
