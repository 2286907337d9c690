"""Names to networks: the sizes of the report that is reproduced, and one line for what is none."""

import pytest
import torch
from torch import nn

from stages.common import params
from stages.common.errors import UserError
from stages.common.networks import registry
from stages.common.networks.costs import macs, parameters


@pytest.mark.parametrize(
    ("architecture", "classes", "expected"),
    [
        ("student", 11, 256_779),
        ("student", 10, 256_779 - 257),
        ("cnn", 11, 2_168_203),
        ("resnet18", 11, 11_182_155),
        ("resnet18", 10, 11_182_155 - 513),
        ("torchvision/resnet18", 11, 11_182_155),
        ("timm/lcnet_035", 11, 377_461),
    ],
)
def test_parameters(architecture, classes, expected):
    assert parameters(registry.build(architecture, classes, 32)) == expected


@pytest.mark.parametrize(("architecture", "millions"), [("student", 118.4), ("cnn", 783.3)])
def test_macs_at_256_pixels(architecture, millions):
    assert round(macs(registry.build(architecture, 11, 256), 256) / 1e6, 1) == millions


@pytest.mark.parametrize("architecture", ["student", "cnn", "resnet18"])
def test_every_network_runs_forward_and_backward(architecture):
    model = registry.build(architecture, 5, 40)
    logits = model(torch.randn(2, 3, 40, 40))
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("studnet", "student"),
        ("torchvision/resnet81", "torchvision/resnet18"),
        ("timm/lcnet_53", "timm/lcnet_0"),
        ("nowhere/resnet18", "resnet18"),
    ],
)
def test_a_wrong_name_is_one_line_with_the_nearest(name, near):
    with pytest.raises(UserError, match="no such network") as caught:
        registry.build(name, 11, 32)
    assert near in str(caught.value)
    assert "\n" not in str(caught.value)


OWN = """
from torch import nn

def build(classes):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))

def wrong(classes):
    return [classes]

def fails(classes):
    raise RuntimeError("not today")

def shared(classes):
    layer = nn.Linear(8, 8)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 8), layer, nn.ReLU(), layer, nn.Linear(8, classes))

def lazy(classes):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))

def computed(classes):
    linear = nn.utils.parametrizations.weight_norm(nn.Linear(192, classes))
    return nn.Sequential(nn.Flatten(), linear)

class Auxiliary(nn.Linear):
    def forward(self, x):
        y = super().forward(x.flatten(1))
        return (y, y) if self.training else y

def auxiliary(classes):
    return Auxiliary(192, classes)

def spatial(classes):
    return nn.Conv2d(3, classes, 3)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A project with a file of networks of one's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path


def test_an_own_network_is_built_and_its_file_vouched_for(own):
    model = registry.build("mine.py:build", 7, 32)
    assert model(torch.zeros(1, 3, 8, 8)).shape == (1, 7)
    before = registry.digest("mine.py:build")
    (own / "mine.py").write_text(OWN + "\n# changed")
    assert registry.digest("mine.py:build") != before
    assert registry.digest("student") == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mine.py:biuld", "the nearest: mine.py:build"),
        ("mine.py:wrong", "gave list, not an nn.Module"),
        ("mine.py:fails", "cannot be built .RuntimeError: not today"),
        ("other.py:build", "there is no file other.py"),
        ("../mine.py:build", "outside of the project"),
        ("/etc/mine.py:build", "outside of the project"),
    ],
)
def test_what_is_no_own_network_is_one_line(own, name, said):
    with pytest.raises(UserError, match=said) as caught:
        registry.build(name, 7, 32)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("mine.py:shared", 8, "2.weight and 4.weight are one tensor"),
        ("mine.py:lazy", 8, "1.weight has no shape yet"),
        ("mine.py:computed", 8, "the weights of 1 are computed from others"),
        ("mine.py:auxiliary", 8, "answers two photos with tuple"),
        ("mine.py:spatial", 32, r"instead of \(2, 7\) logits"),
        ("mine.py:build", 2, "cannot take photos of 2 pixels"),
    ],
)
def test_a_network_that_is_no_classifier_of_such_photos_is_one_line(own, name, size, said):
    with pytest.raises(UserError, match=said):
        registry.fits(registry.build(name, 7, size), name, 7, size)


def test_a_broken_file_is_one_line(own):
    (own / "mine.py").write_text("def build(:")
    with pytest.raises(UserError, match="SyntaxError"):
        registry.build("mine.py:build", 7, 32)


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("student", ["classifier.weight", "classifier.bias"]),
        ("resnet18", ["fc.weight", "fc.bias"]),
        ("torchvision/squeezenet1_1", ["classifier.1.weight", "classifier.1.bias"]),
        ("timm/lcnet_035", ["classifier.weight", "classifier.bias"]),
    ],
)
def test_the_classifier_is_what_depends_on_the_classes(architecture, expected):
    assert registry.classifier_tensors(architecture, 64) == expected


def test_a_networks_own_normalization():
    assert registry.normalization("torchvision/resnet18") == registry.IMAGENET
    assert registry.normalization("timm/tf_efficientnet_lite0").mean == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("architecture", ["timm/deit_tiny_patch16_224", "torchvision/vit_b_32"])
def test_a_transformer_is_built_for_the_size_of_the_photos(architecture):
    with torch.device("meta"):
        model = registry.build(architecture, 5, 64)
        assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 5)


def test_plain_convolutions_are_quick():
    kinds = {
        type(layer).__module__
        for layer in registry.build("resnet18", 5, 32).modules()
        if isinstance(layer, nn.Conv2d)
    }
    assert kinds == {"stages.common.networks.convolution"}


def test_params_know_the_networks_of_the_registry():
    assert set(params.OURS) == set(registry.OURS)


@pytest.mark.parametrize("name", ["torchvision/resnet81", "timm/lcnet_53", "missing.py:build", "studnet"])
def test_wrong_names_are_told_before_anything_trains(name):
    with pytest.raises(UserError, match=r"student\.architecture: .*(no such network|no file)"):
        registry.require_known("student", name)


def test_a_network_that_computes_as_it_is_built(own):
    """Without numbers in memory it cannot be built; its classifier is found all the same."""
    (own / "mine.py").write_text(
        OWN + "\nimport torch\ndef scaled(n):\n    torch.linspace(0, 1, 5)[2].item()\n    return build(n)\n"
    )
    torch.manual_seed(3)
    assert registry.classifier_tensors("mine.py:scaled", 32) == ["3.weight", "3.bias"]
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(1), after)


def test_a_tag_that_is_none_is_one_line():
    with pytest.raises(UserError, match=r"timm/lcnet_050\.wrong: no such network"):
        registry.build("timm/lcnet_050.wrong", 5, 32)


def test_what_an_own_network_may_import_is_vouched_for_too(own):
    (own / "nets").mkdir()
    (own / "nets/mine.py").write_text(OWN)
    before = registry.digest("nets/mine.py:build")
    (own / "nets/blocks.py").write_text("")
    assert registry.digest("nets/mine.py:build") != before


def test_networks_trained_with_a_transform_of_their_own_expect_halves():
    assert registry.normalization("torchvision/inception_v3").mean == (0.5, 0.5, 0.5)
