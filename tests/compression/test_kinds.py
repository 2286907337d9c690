"""Bits, ONNX and int8 of networks of every kind that pruning is tested on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.common.compression.onnx_export import export, quantize_int8
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.compression.quantization import quantized
from stages.common.networks.cards import new_model
from stages.common.networks.model_files import load_model, save_model
from tests.compression.test_pruning import CARD, KINDS, PHOTOS

BYTES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("architecture", KINDS)
def test_a_network_of_any_kind_is_rounded_exported_and_runs_in_int8(architecture, tmp_path):
    model = new_model(replace(CARD, architecture=architecture), seed=1).eval()
    small = quantized(model, 8)
    save_model(small, tmp_path / "8")
    save_model(model, tmp_path / "32")
    with torch.inference_mode():
        assert torch.equal(load_model(tmp_path / "8")(PHOTOS), small(PHOTOS))
        assert not torch.equal(small(PHOTOS), model(PHOTOS))
    assert (tmp_path / "8").stat().st_size < 0.4 * (tmp_path / "32").stat().st_size
    export(model, tmp_path / "m.onnx", BYTES)  # which asks the file whether it answers as the network
    quantize_int8(tmp_path / "m.onnx", tmp_path / "m8.onnx", BYTES, "")
    logits = OnnxModel(tmp_path / "m8.onnx", threads=1).logits(BYTES)
    assert logits.shape == (4, 11)
    assert np.isfinite(logits).all()
