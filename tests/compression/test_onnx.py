"""Exported networks compute what PyTorch computes, take bytes, and in int8 are small and close."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from stages.common.compression.onnx_export import export, quantize_int8
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.data.views import Normalization, Views
from stages.common.errors import UserError
from stages.common.networks.cards import Card, new_model
from stages.common.networks.convnet import CHANNELS
from stages.common.networks.registry import scaled, standard_channels

SIZE = 32
CARD = Card("student", list(CHANNELS), ["egg", "rice", "soup"], SIZE, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1))
HALF = scaled("student", CHANNELS, 0.5)
PHOTOS = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)
NETWORKS = {
    "student": CARD,
    "pruned student": replace(CARD, channels=HALF),
    "cnn": replace(CARD, architecture="cnn"),
    "factorized cnn": replace(CARD, architecture="cnn", ranks=[[], *[[4, 5]] * 7, [2]]),
    "resnet18": replace(CARD, architecture="resnet18", channels=standard_channels("resnet18")),
}


def trained(card: Card) -> torch.nn.Module:
    """A network whose norms have seen photos, so that its activations have sensible ranges."""
    model = new_model(card, seed=1).train()
    views = Views(PHOTOS, Normalization(card.mean, card.std), None, 0)
    with torch.no_grad():
        for _ in range(30):
            model(views.plain(np.arange(len(PHOTOS))))
    return model.eval()


def logits(model: torch.nn.Module) -> np.ndarray:
    """Of PHOTOS, as training and evaluation see them."""
    views = Views(PHOTOS, Normalization(model.card.mean, model.card.std), None, 0)
    with torch.inference_mode():
        return model(views.plain(np.arange(len(PHOTOS)))).numpy()


@pytest.mark.parametrize("name", NETWORKS)
def test_bytes_in_and_the_logits_of_pytorch_out(name, tmp_path):
    model = trained(NETWORKS[name])
    export(model, tmp_path / "m.onnx")
    runtime = OnnxModel(tmp_path / "m.onnx", threads=1)
    np.testing.assert_allclose(runtime.logits(PHOTOS), logits(model), atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(runtime.logits(PHOTOS[:1]), logits(model)[:1], atol=1e-4, rtol=1e-4)


def test_a_file_carries_classes_and_size_and_passes_the_checker(tmp_path):
    export(trained(CARD), tmp_path / "m.onnx")
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    runtime = OnnxModel(tmp_path / "m.onnx")
    assert runtime.classes == ["egg", "rice", "soup"]
    assert runtime.image_size == SIZE
    graph = onnx.load(str(tmp_path / "m.onnx")).graph
    assert "BatchNormalization" not in {node.op_type for node in graph.node}


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in "ab":
        export(trained(CARD), tmp_path / f"{name}.onnx")
        quantize_int8(tmp_path / f"{name}.onnx", tmp_path / f"{name}8.onnx", PHOTOS)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert (tmp_path / "a8.onnx").read_bytes() == (tmp_path / "b8.onnx").read_bytes()


def test_any_number_of_photos_is_a_matter_of_batches(tmp_path, monkeypatch):
    export(trained(CARD), tmp_path / "m.onnx")
    runtime = OnnxModel(tmp_path / "m.onnx")
    whole = runtime.predict(PHOTOS)
    monkeypatch.setattr("stages.common.compression.onnx_runtime.BATCH", 2)
    np.testing.assert_allclose(runtime.predict(PHOTOS), whole, atol=1e-5)


@pytest.mark.parametrize("name", ["student", "pruned student"])
def test_int8_is_small_and_close(name, tmp_path):
    model = trained(NETWORKS[name])
    export(model, tmp_path / "m.onnx")
    quantize_int8(tmp_path / "m.onnx", tmp_path / "m8.onnx", PHOTOS)
    small, expected = OnnxModel(tmp_path / "m8.onnx"), logits(model)
    error = np.abs(small.logits(PHOTOS) - expected).max()
    assert 0 < error < 0.2 * np.ptp(expected)
    assert (tmp_path / "m8.onnx").stat().st_size < 0.36 * (tmp_path / "m.onnx").stat().st_size
    assert small.classes == model.card.classes
    weights = onnx.load(str(tmp_path / "m8.onnx")).graph.initializer
    pointwise = [
        w for w in weights if w.data_type == onnx.TensorProto.INT8 and len(w.dims) == 4 and w.dims[2] == 1
    ]
    assert len(pointwise) == 7  # every pointwise convolution


def test_what_makes_int8_slow_stays_float(tmp_path):
    """No rounding stands behind a float pooling, and the first convolution is not in whole numbers."""
    export(trained(CARD), tmp_path / "m.onnx")
    quantize_int8(tmp_path / "m.onnx", tmp_path / "m8.onnx", PHOTOS)
    nodes = onnx.load(str(tmp_path / "m8.onnx")).graph.node
    maker = {name: node for node in nodes for name in node.output}
    for node in nodes:
        if node.op_type == "QuantizeLinear" and node.input[0] in maker:
            made_by = maker[node.input[0]]
            if made_by.op_type == "MaxPool":
                assert maker[made_by.input[0]].op_type == "DequantizeLinear"
    first = next(node for node in nodes if node.op_type == "Conv")
    assert first.input[0] not in maker or maker[first.input[0]].op_type != "DequantizeLinear"


@pytest.mark.parametrize("content", [None, b"", b"not a network"])
def test_what_is_no_network_is_one_line(content, tmp_path):
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"m\.onnx: (no such|not a) model file") as caught:
        OnnxModel(path)
    assert "\n" not in str(caught.value)


def test_another_projects_network_is_one_line(tmp_path):
    export(trained(CARD), tmp_path / "m.onnx")
    graph = onnx.load(str(tmp_path / "m.onnx"))
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "m.onnx")
    with pytest.raises(UserError, match="no 'classes' in it"):
        OnnxModel(tmp_path / "m.onnx")
