"""A convolution that is quick to train on images of a few pixels."""

import math

import torch
import torch.nn.functional as F
from torch import nn

LARGEST = 2  # times a weight's size: a larger matrix costs more than it saves


class Conv2d(nn.Conv2d):
    """A convolution that trains as one matrix product where each of its outputs sees the whole image.

    With 3x3 taps and padding that is an image of 2x2 pixels or one, as at the end of a 32-pixel network. Five
    to eight of nine taps meet nothing but padding there, and the libraries have no fast gradient: of a
    depthwise layer's weight it takes 20 times as long as at 4x4. Gathered by output pixel, the weight is a
    matrix from all inputs to all outputs. The taps left out multiply zeros, so answers and gradients are the
    same to rounding.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        layout = self._layout(*x.shape[2:]) if self.training else None
        if layout is None:
            return super().forward(x)
        (height, width), outs = layout
        (top, left), (down, right) = self.padding, self.stride
        taps = self.weight.permute(0, 2, 3, 1)  # channels last, as they lie in memory
        pixels = [
            taps[:, top - down * i :, left - right * j :][:, :height, :width]
            for i in range(outs[0])
            for j in range(outs[1])
        ]
        seen = x[:, :, :height, :width].permute(0, 2, 3, 1)
        if self.groups == 1:
            bias = None if self.bias is None else self.bias.repeat(len(pixels))
            y = F.linear(seen.flatten(1), torch.stack(pixels).view(-1, seen[0].numel()), bias)
        else:  # depthwise: (outputs, inputs, channels)
            weight = torch.stack(pixels).view(len(pixels), self.out_channels, -1).transpose(1, 2)
            y = (seen.flatten(1, 2)[:, None] * weight).sum(2)
            y = y if self.bias is None else y + self.bias
        return y.view(len(x), *outs, self.out_channels).permute(0, 3, 1, 2)

    def _layout(self, height: int, width: int) -> tuple[list[int], list[int]] | None:
        """What of the image is seen and the output's size, where every output sees all of it; else None."""
        depthwise = self.groups == self.in_channels == self.out_channels
        if not (self.groups == 1 or depthwise) or isinstance(self.padding, str):
            return None
        if self.padding_mode != "zeros" or self.dilation != (1, 1):
            return None
        seen, outs = [], []
        for n, p, k, s in zip((height, width), self.padding, self.kernel_size, self.stride, strict=True):
            out = (n + 2 * p - k) // s + 1
            last = s * (out - 1)
            seen.append(min(n, last - p + k))
            outs.append(out)
            if out < 1 or last > p or p + seen[-1] > k:
                return None
        taps = math.prod(self.kernel_size)
        return (seen, outs) if math.prod(seen) * math.prod(outs) <= LARGEST * taps else None


def quick(model: nn.Module) -> nn.Module:
    """`model` with every plain convolution a `Conv2d` of this module, its weights and names as they are."""
    for layer in model.modules():
        if type(layer) is nn.Conv2d:
            layer.__class__ = Conv2d
    return model
