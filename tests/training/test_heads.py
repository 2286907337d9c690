"""A classifier on features: the rest of the network stays, and nothing is computed twice."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stages.common.data.views import Normalization, Views
from stages.common.errors import UserError
from stages.common.networks.cards import Card, new_model
from stages.common.params import Fit
from stages.common.training.examples import Examples
from stages.common.training.heads import Features, features, fit_head, linear_classifier
from stages.common.training.loop import on_labels, predict
from stages.common.training.resuming import Slot

CARD = Card("resnet18", ["dark", "bright"], 32, (0.5, 0.5, 0.5), (0.3, 0.3, 0.3), input_size=48)
SCHEDULE = Fit(epochs=60, learning_rate=0.1, batch_size=8, weight_decay=0.0)


@pytest.fixture
def examples() -> Examples:
    """32 photos, every other one bright."""
    labels = np.arange(32) % 2
    noise = np.random.default_rng(0).integers(0, 100, (32, 32, 32, 3))
    photos = (noise + 150 * labels[:, None, None, None]).astype(np.uint8)
    augment = SimpleNamespace(crop=0.9, rotation=5, flip=True, colour=0.1)
    views = Views(photos, Normalization((0.1, 0.2, 0.3), (1, 1, 1)), augment, 0)
    return Examples(views, torch.from_numpy(labels), "cpu")


def test_features_are_what_the_classifier_is_given(examples):
    model = new_model(CARD, seed=0)
    found = features(model, examples, "features")
    with torch.inference_mode():
        logits = linear_classifier(model)(found)
    torch.testing.assert_close(logits, predict(model, examples))


def test_only_the_classifier_learns_and_it_does(examples):
    model = new_model(CARD, seed=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    curve = fit_head(model, examples, examples, on_labels, SCHEDULE, Slot(None), seed=0, label="head")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) == (not name.startswith("fc.")), name
    assert curve[-1]["val_accuracy"] == 1.0
    assert (predict(model, examples).argmax(1) == examples.labels).all()
    assert model.card == replace(CARD, epochs=SCHEDULE.epochs)


def test_every_view_of_features_is_the_same():
    views = Features(torch.arange(6.0).view(3, 2))
    assert torch.equal(views.batch(7, np.array([2, 0])), torch.tensor([[4.0, 5.0], [0.0, 1.0]]))
    assert views.like(None, 5) is views
    assert len(views) == 3


def test_a_network_without_a_linear_classifier_is_one_line():
    model = new_model(replace(CARD, architecture="torchvision/squeezenet1_1"), 0)
    with pytest.raises(UserError, match="squeezenet1_1 has no single linear classifier; use all"):
        linear_classifier(model)


def test_a_network_that_goes_on_behind_its_classifier_is_one_line(examples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def build(n):\n"
        "    pool = nn.AdaptiveAvgPool2d(1), nn.Flatten()\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), *pool, nn.Linear(4, n), nn.Tanh())\n"
    )
    from stages.common.networks.registry import digest

    card = replace(CARD, architecture="mine.py:build", code=digest("mine.py:build"))
    with pytest.raises(UserError, match="does more behind its linear classifier"):
        features(new_model(card, 0), examples, "features")
