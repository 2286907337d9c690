"""A cut as the stages make it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stages.common.compression.pruning import (
    Parameters,
    cut,
    cuttable,
    scaled,
    scored,
    scores,
    shared,
    widths,
)
from stages.common.data.views import Normalization, Views
from stages.common.networks.cards import Card, new_model
from stages.common.networks.costs import parameters
from stages.common.training.examples import Examples

CARD = Card("student", ["egg", "rice"], 32, (0.5, 0.5, 0.5), (0.3, 0.3, 0.3))


def examples(n: int) -> Examples:
    photos = np.random.default_rng(0).integers(0, 255, (n, 32, 32, 3)).astype(np.uint8)
    augment = SimpleNamespace(crop=0.9, rotation=5, flip=True, colour=0.1)
    views = Views(photos, Normalization(CARD.mean, CARD.std), augment, 0)
    return Examples(views, torch.arange(n) % 2, "cpu")


def sizes(model) -> dict[str, int]:
    return {group.name: group.size for group in cuttable(model)}


@pytest.mark.parametrize("round_to", [1, 8])
@pytest.mark.parametrize("importance", ["bn_gamma", "l1", "taylor", "random"])
@pytest.mark.parametrize("scope", ["uniform", "global"])
def test_a_cut_has_the_size_of_its_width(importance, scope, round_to):
    model = new_model(CARD, seed=0)
    whole = sizes(model)
    how = {"importance": importance, "scope": scope, "round_to": round_to, "seed": 0}
    got = cut(model, whole, 0.5, examples(20), **how)
    wanted = scaled(whole, 0.5, round_to)
    like = Parameters(model, cuttable(model))(wanted)
    if scope == "uniform":
        assert sizes(got) == wanted
    else:
        assert sizes(got) != wanted or importance == "random"
    assert (0.98 if round_to == 1 else 0.9) * like < parameters(got) <= like


def test_cutting_twice_ends_at_the_width_of_the_whole():
    """Widths count from the unpruned network, so the sizes are those of the reference report."""
    model = new_model(CARD, seed=0)
    whole = sizes(model)
    for width in (0.9, 0.81):
        model = cut(model, whole, width, examples(4), importance="l1", seed=0)
    assert sizes(model) == scaled(whole, 0.81)


def test_taylor_looks_at_the_training_photos_as_they_are():
    model, training = new_model(CARD, seed=0), examples(12)
    groups, batch = cuttable(model), (training.views.plain(np.arange(12)), training.labels)
    expected = scores(model, groups, "taylor", batches=[batch])
    got = scored(model, groups, "taylor", training, seed=0)
    for group in expected:
        torch.testing.assert_close(got[group], expected[group])
    assert expected["blocks.4.pointwise"].max() > 0


@pytest.mark.parametrize("rate", [0.95, 0.9, 0.8, 0.5, 0.01])
def test_every_rate_ends_at_one_width(rate):
    whole, *between, last = widths(rate, 0.5)
    assert (whole, last) == (1, 0.5)
    assert between == pytest.approx([rate ** (k + 1) for k in range(len(between))])
    assert min([whole, *between]) > 0.5


@pytest.mark.parametrize(("epochs", "steps"), [(14, 14), (14, 7), (14, 4), (14, 1), (3, 14), (10, 3)])
def test_a_schedule_is_shared_out_whole_and_evenly(epochs, steps):
    parts = shared(epochs, steps)
    assert (sum(parts), len(parts)) == (epochs, steps)
    assert max(parts) - min(parts) <= 1


def test_global_cuts_end_at_one_size_however_many_steps():
    """What a layer lost beyond its share in one step is not taken from the network's size in the next."""
    model = new_model(CARD, seed=0)
    whole, at_once = sizes(model), Parameters(model, cuttable(model))(scaled(sizes(model), 0.5))
    for i, block in enumerate(model.blocks[4:]):  # some layers matter far less than others
        torch.nn.init.normal_(block.norm.weight, 1, 0.2 * (i + 1), generator=torch.Generator().manual_seed(i))
    for width in widths(0.8, 0.5)[1:]:
        model = cut(model, whole, width, examples(4), importance="bn_gamma", scope="global", seed=0)
    assert 0.98 * at_once < parameters(model) <= at_once
