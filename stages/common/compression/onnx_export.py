"""Networks as ONNX files that take photos as bytes, in float and in 8-bit whole numbers."""

import io
import json
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from stages.common.compression.onnx_runtime import INPUT, OUTPUT, OnnxModel, sealed
from stages.common.data.arrays import Split, open_split
from stages.common.errors import NotPossible, UserError
from stages.common.files import read_json, write
from stages.common.networks import costs
from stages.common.training.accuracy import accuracies
from stages.common.training.examples import PREPARED

OPSET = 17
STARTS = Path("metrics/int8_start.json")
PARITY, PARITY_PHOTOS = 1e-3, 64  # largest difference of logits, of their largest where that is over 1


class WithNormalization(nn.Module):
    """A network with its card's normalization, and enlarging if it sees larger images than the photos.

    Takes photos as they come out of a decoder: (N, S, S, 3) uint8, RGB.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        mean, std = torch.tensor(model.card.mean), torch.tensor(model.card.std)
        self.model = model
        self._size = model.card.input_size
        # Applied to planes: along the last axis of three, the runtime takes as long as for half the network.
        self.register_buffer("scale", (1 / (255 * std)).view(3, 1, 1))
        self.register_buffer("shift", (-mean / std).view(3, 1, 1))

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        images = photos.permute(0, 3, 1, 2).float() * self.scale + self.shift
        if self._size:
            images = F.interpolate(images, (self._size, self._size), mode="bilinear", align_corners=False)
        return self.model(images)


def export(model: nn.Module, path: Path | str, photos: np.ndarray) -> None:
    """Write a network with a card as ONNX: `photos` (N, S, S, 3) uint8 to `logits` (N, classes) float32.

    N is free. Class names and image size are in the file's metadata, normalization is in the graph. Batch
    norms are folded into the convolutions. The same network gives the same bytes. On some of `photos` the file
    is asked whether it answers as the network does. Raises `NotPossible` where it cannot be written so.
    """
    size, stream, network = model.card.image_size, io.BytesIO(), WithNormalization(model).cpu().eval()
    with warnings.catch_warnings():
        # The exporter that traces is the one that needs no further package.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                network,
                (torch.zeros(2, size, size, 3, dtype=torch.uint8),),
                stream,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
                opset_version=OPSET,
                dynamo=False,
            )
        except Exception as error:  # the exporter has many
            reason = " ".join(str(error).split())[:200]
            raise NotPossible(f"{model.card.architecture} cannot be written as ONNX: {reason}") from None
    graph = onnx.load_from_string(stream.getvalue())
    facts = {"classes": json.dumps(model.card.classes), "image_size": str(size)}
    onnx.helper.set_model_props(graph, facts)
    onnx.checker.check_model(graph, full_check=True)
    write(path, sealed(graph.SerializeToString()))
    _require_parity(network, Path(path), photos[:PARITY_PHOTOS])


def _require_parity(network: WithNormalization, path: Path, photos: np.ndarray) -> None:
    """Raises `NotPossible` where the file's logits are not the network's to a thousandth."""
    with torch.inference_mode():
        expected = network(torch.from_numpy(np.ascontiguousarray(photos))).numpy()
    off = np.abs(OnnxModel(path).predict(photos) - expected).max()
    if not off <= PARITY * max(1.0, np.abs(expected).max()):
        path.unlink()
        architecture = network.model.card.architecture
        raise NotPossible(f"{architecture} as ONNX answers otherwise: its logits are off by up to {off:.2g}")


class _Photos(quantization.CalibrationDataReader):
    """Photos one batch after another, for onnxruntime to watch the activations."""

    def __init__(self, photos: np.ndarray):
        self._batches = iter(np.array_split(photos, max(1, len(photos) // 64)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def quantize_int8(source: Path | str, target: Path | str, photos: np.ndarray, start: str) -> None:
    """Write the float ONNX file `source` with 8-bit weights and activations.

    Static quantization in QDQ form: weights per output channel, ranges of activations from `photos`
    (N, S, S, 3) uint8, which must be training photos. What comes before the first convolution of the layer
    `start` stays float, "" is none: `int8_start` measures from where whole numbers are the faster ones. The same
    file and photos give the same bytes. Raises `NotPossible` where the runtime cannot.
    """
    if not Path(source).exists():
        raise NotPossible(f"there is no {source} to quantize")
    try:
        _quantize(source, target, photos, start)
    except UserError:
        raise
    except Exception as error:  # onnxruntime's tools have many
        reason = " ".join(str(error).split())[:200]
        raise NotPossible(f"{source} cannot be quantized to int8: {reason}") from None


def _quantize(source: Path | str, target: Path | str, photos: np.ndarray, start: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prepared, rounded = str(Path(folder) / "prepared.onnx"), str(Path(folder) / "rounded.onnx")
        quant_pre_process(str(source), prepared, skip_symbolic_shape=True)
        nodes = list(onnx.load(prepared).graph.node)
        quantization.quantize_static(
            prepared,
            rounded,
            _Photos(photos),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            weight_type=quantization.QuantType.QInt8,
            activation_type=quantization.QuantType.QUInt8,
            op_types_to_quantize=["Conv", "Gemm", "MatMul", "MaxPool", "Clip"],
            nodes_to_exclude=[node.name for node in nodes[: _first_in_int8(nodes, start)]],
            # The runtime rounds biases as it loads; in the file they would take three times the bytes.
            extra_options={"QuantizeBias": False, "MatMulConstBOnly": True},
        )
        graph = onnx.load(rounded)
    used = {node.domain for node in graph.graph.node}
    standards = [opset for opset in graph.opset_import if opset.domain in used]
    del graph.opset_import[:]
    graph.opset_import.extend(standards)
    facts = {p.key: p.value for p in onnx.load(str(source)).metadata_props if p.key != "sha256"}
    onnx.helper.set_model_props(graph, facts)
    onnx.checker.check_model(graph, full_check=True)
    write(target, sealed(graph.SerializeToString()))


def convolutions(path: Path | str) -> list[str]:
    """The layers of a float file that are convolutions, in their order, as `quantize_int8` takes them."""
    nodes = onnx.load(str(path), load_external_data=False).graph.node
    return [node.name.removesuffix("/Conv") for node in nodes if node.op_type == "Conv"]


def _first_in_int8(nodes: list[onnx.NodeProto], start: str) -> int:
    """Position of the first node to quantize: that of the layer `start`, or of the low-rank ones in its place;
    the very first where there is none."""
    found = (
        i for i, node in enumerate(nodes) if node.op_type == "Conv" and node.name.startswith(f"{start}/")
    )
    return next(found, 0) if start else 0


def int8_start(architecture: str) -> str:
    """The layer where int8 starts in a network, as the stage `int8_start` found; "" where it did not measure."""
    return read_json(STARTS).get(architecture, "")


def measured(path: Path, model: nn.Module, validation: Split) -> dict[str, float]:
    """The metrics of an ONNX file; parameters, MACs and epochs are those of the network that was exported."""
    return {
        **accuracies(OnnxModel(path).predict(validation.images).argmax(1), validation.labels),
        "params": costs.parameters(model),
        "macs": costs.macs(model, model.card.seen_size),
        "size_kib": costs.size_kib(path),
        "epochs": model.card.epochs,
    }


def calibration_photos(count: int, seed: int) -> np.ndarray:
    """`count` training photos, or all there are, chosen by `seed`: (N, S, S, 3) uint8."""
    photos = open_split(PREPARED, "training").images
    chosen = np.random.default_rng(seed).permutation(len(photos))[:count]
    return np.asarray(photos[np.sort(chosen)])
