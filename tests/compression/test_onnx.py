"""Exported networks compute what PyTorch computes, take bytes, and in int8 are small and close."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from stages.common.compression import onnx_export
from stages.common.compression.onnx_export import convolutions, export, quantize_int8
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.data.views import Normalization, Views
from stages.common.errors import NotPossible, UserError
from stages.common.networks.cards import Card, new_model
from tests.narrow import narrow

SIZE = 32
START = "/model/blocks.1/pointwise"  # where int8 is quick in the student
CARD = Card("student", ["egg", "rice", "soup"], SIZE, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1))
HALF = narrow("student", [16, 32, 64, 64, 128, 128, 128, 256], 3)
PHOTOS = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)
NETWORKS = {
    "student": CARD,
    "pruned student": replace(CARD, shapes=HALF),
    "cnn": replace(CARD, architecture="cnn"),
    "factorized cnn": replace(
        CARD,
        architecture="cnn",
        ranks={**{f"blocks.{i}.conv": [4, 5] for i in range(1, 8)}, "classifier": [2]},
    ),
    "resnet18": replace(CARD, architecture="resnet18"),
    "enlarged": replace(CARD, architecture="resnet18", input_size=48),
    "squeeze-excite": replace(CARD, architecture="timm/lcnet_035"),
    "transformer": replace(CARD, architecture="timm/deit_tiny_patch16_224"),
}


def trained(card: Card) -> torch.nn.Module:
    """A network whose norms have seen photos, so that its activations have sensible ranges."""
    model = new_model(card, seed=1).train()
    views = Views(PHOTOS, Normalization(card.mean, card.std), None, 0)
    with torch.no_grad():
        for _ in range(30):
            model(views.like(card.normalization, card.seen_size).plain(np.arange(len(PHOTOS))))
    return model.eval()


def logits(model: torch.nn.Module) -> np.ndarray:
    """Of PHOTOS, as training and evaluation see them."""
    views = Views(PHOTOS, Normalization(model.card.mean, model.card.std), None, 0)
    with torch.inference_mode():
        views = views.like(model.card.normalization, model.card.seen_size)
        return model(views.plain(np.arange(len(PHOTOS)))).numpy()


@pytest.mark.parametrize("name", NETWORKS)
def test_bytes_in_and_the_logits_of_pytorch_out(name, tmp_path):
    model = trained(NETWORKS[name])
    export(model, tmp_path / "m.onnx", PHOTOS)
    runtime = OnnxModel(tmp_path / "m.onnx", threads=1)
    np.testing.assert_allclose(runtime.logits(PHOTOS), logits(model), atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(runtime.logits(PHOTOS[:1]), logits(model)[:1], atol=1e-4, rtol=1e-4)


def test_a_file_carries_classes_and_size_and_passes_the_checker(tmp_path):
    export(trained(CARD), tmp_path / "m.onnx", PHOTOS)
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    runtime = OnnxModel(tmp_path / "m.onnx")
    assert runtime.classes == ["egg", "rice", "soup"]
    assert runtime.image_size == SIZE
    graph = onnx.load(str(tmp_path / "m.onnx")).graph
    assert "BatchNormalization" not in {node.op_type for node in graph.node}


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in "ab":
        export(trained(CARD), tmp_path / f"{name}.onnx", PHOTOS)
        quantize_int8(tmp_path / f"{name}.onnx", tmp_path / f"{name}8.onnx", PHOTOS, START)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert (tmp_path / "a8.onnx").read_bytes() == (tmp_path / "b8.onnx").read_bytes()


def test_any_number_of_photos_is_a_matter_of_batches(tmp_path, monkeypatch):
    export(trained(CARD), tmp_path / "m.onnx", PHOTOS)
    runtime = OnnxModel(tmp_path / "m.onnx")
    whole = runtime.predict(PHOTOS)
    monkeypatch.setattr("stages.common.compression.onnx_runtime.BATCH", 2)
    np.testing.assert_allclose(runtime.predict(PHOTOS), whole, atol=1e-5)


@pytest.mark.parametrize("name", ["student", "pruned student"])
def test_int8_is_small_and_close(name, tmp_path):
    model = trained(NETWORKS[name])
    export(model, tmp_path / "m.onnx", PHOTOS)
    quantize_int8(tmp_path / "m.onnx", tmp_path / "m8.onnx", PHOTOS, START)
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
    """From the second block on the student has no rounding behind a float pooling, and no image in int8."""
    export(trained(CARD), tmp_path / "m.onnx", PHOTOS)
    quantize_int8(tmp_path / "m.onnx", tmp_path / "m8.onnx", PHOTOS, START)
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


def test_a_flipped_bit_anywhere_is_one_line(tmp_path):
    path = tmp_path / "m.onnx"
    export(new_model(CARD, seed=0).eval(), path, PHOTOS)
    whole = path.read_bytes()
    onnx.checker.check_model(onnx.load(path), full_check=True)  # with the digest at its end
    for at in np.linspace(0, len(whole) - 1, 50).astype(int):
        data = bytearray(whole)
        data[at] ^= 1 << (at % 7)
        path.write_bytes(data)
        with pytest.raises(UserError) as caught:
            OnnxModel(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_another_projects_network_is_one_line(tmp_path):
    export(trained(CARD), tmp_path / "m.onnx", PHOTOS)
    graph = onnx.load(str(tmp_path / "m.onnx"))
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "m.onnx")
    with pytest.raises(UserError, match="no 'classes' in it"):
        OnnxModel(tmp_path / "m.onnx")


@pytest.mark.parametrize("name", ["squeeze-excite", "transformer", "factorized cnn", "resnet18"])
def test_int8_runs_for_every_kind(name, tmp_path):
    model = trained(NETWORKS[name])
    export(model, tmp_path / "m.onnx", PHOTOS)
    quantize_int8(tmp_path / "m.onnx", tmp_path / "m8.onnx", PHOTOS, "")
    small, expected = OnnxModel(tmp_path / "m8.onnx"), logits(model)
    assert np.abs(small.logits(PHOTOS) - expected).max() < 0.5 * np.ptp(expected)
    if "factorized" not in name:  # which has more layers than weights
        assert (tmp_path / "m8.onnx").stat().st_size < 0.6 * (tmp_path / "m.onnx").stat().st_size


@pytest.mark.parametrize("start", [0, 1, 3])
def test_int8_starts_where_it_is_told(start, tmp_path):
    export(trained(NETWORKS["cnn"]), tmp_path / "m.onnx", PHOTOS)
    layer = convolutions(tmp_path / "m.onnx")[start] if start else ""
    quantize_int8(tmp_path / "m.onnx", tmp_path / "m8.onnx", PHOTOS, layer)
    graph = onnx.load(str(tmp_path / "m8.onnx")).graph
    whole = {w.name for w in graph.initializer if w.data_type == onnx.TensorProto.FLOAT}
    floats = [node.input[1] in whole for node in graph.node if node.op_type == "Conv"]
    assert floats == [True] * start + [False] * (8 - start)


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "PARITY", 0.0)
    with pytest.raises(NotPossible, match="its logits are off by"):
        export(trained(CARD), tmp_path / "m.onnx", PHOTOS)
    assert not (tmp_path / "m.onnx").exists()


class Sorting(torch.nn.Module):
    def forward(self, x):
        return torch.linalg.svdvals(x[:, 0])[:, :3]


def test_what_cannot_be_exported_is_one_line(tmp_path):
    model = Sorting()
    model.card = CARD
    with pytest.raises(NotPossible, match="student cannot be written as ONNX") as caught:
        export(model, tmp_path / "m.onnx", PHOTOS)
    assert "\n" not in str(caught.value)
