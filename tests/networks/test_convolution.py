"""The quick convolution computes what torch's does."""

import pytest
import torch
from torch import nn
from torchvision import models

from stages.common.networks.convolution import Conv2d, quick


def gradients(layer: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The answer to x, and the gradients of its squared sum: of x and of every weight."""
    x, weights = x.clone().requires_grad_(), list(layer.parameters())
    y = layer(x)
    return [y, *torch.autograd.grad(y.square().sum(), [x, *weights])]


CASES = [  # image, kernel, stride, padding
    *[(size, 3, 1, 1) for size in (1, 2, 3)],
    *[(size, 3, 2, 1) for size in (1, 2, 3, 4)],
    *[
        (1, 1, 1, 0),
        (2, 1, 2, 0),
        (3, 3, 1, 0),
        (4, 3, 1, 0),
        (2, 3, 3, 1),
        (1, 1, 2, 0),
        (2, 5, 1, 2),
        (3, 7, 1, 3),
    ],
]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), CASES)
def test_answers_and_gradients_are_torchs(size, kernel, stride, padding, groups, bias):
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 6, kernel, stride, padding, groups=groups, bias=bias, dtype=torch.float64)
    x = torch.randn(3, 6, size, size, dtype=torch.float64)
    expected = gradients(plain, x)
    found = gradients(quick(plain).train(), x)
    assert isinstance(plain, Conv2d)
    for theirs, ours in zip(expected, found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_an_oblong_image_and_kernel():
    torch.manual_seed(0)
    plain = nn.Conv2d(4, 5, (1, 3), (2, 1), (0, 1), dtype=torch.float64)
    x = torch.randn(3, 4, 2, 2, dtype=torch.float64)
    expected = gradients(plain, x)
    for theirs, ours in zip(expected, gradients(quick(plain), x), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("size", "kernel", "quickly"), [(1, 3, True), (2, 3, True), (3, 3, False), (2, 5, True), (4, 7, False)]
)
def test_it_is_used_where_every_output_sees_the_image(size, kernel, quickly):
    layer = quick(nn.Conv2d(4, 4, kernel, padding=kernel // 2))
    assert (layer._layout(size, size) is not None) == quickly


@pytest.mark.parametrize("other", [{"dilation": 2}, {"padding": "same"}, {"padding_mode": "reflect"}])
def test_other_kinds_are_left_to_torch(other):
    layer = nn.Conv2d(4, 4, 3, **({"padding": 1} | other))
    x = torch.randn(2, 4, 3, 3)
    expected = layer(x)
    assert torch.equal(quick(layer).train()(x), expected)


@pytest.mark.parametrize("size", [16, 32, 40, 48])
def test_a_whole_resnet18_is_torchvisions(size):
    torch.manual_seed(0)
    plain = models.resnet18(num_classes=5).double()
    ours = quick(models.resnet18(num_classes=5).double())
    ours.load_state_dict(plain.state_dict())
    x = torch.randn(4, 3, size, size, dtype=torch.float64)
    for theirs, mine in zip(gradients(plain.train(), x), gradients(ours.train(), x), strict=True):
        torch.testing.assert_close(mine, theirs)
    plain.load_state_dict(ours.state_dict())  # the running statistics, to the last bit
    assert torch.equal(ours.eval()(x), plain.eval()(x))
