"""Pruning, quantization, low rank, ONNX and int8."""
