"""The training loop: it learns, repeats itself, goes on where it was killed, and says when it diverges."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stages.common.data.views import Normalization, Views
from stages.common.errors import UserError
from stages.common.networks.cards import Card, new_model
from stages.common.params import Fit
from stages.common.training.examples import Examples
from stages.common.training.loop import batches, correct, fit, on_labels, one_cycle, predict
from stages.common.training.resuming import Slot
from tests.narrow import narrow

AUGMENT = SimpleNamespace(crop=0.9, rotation=5, flip=True, colour=0.1)
CARD = Card(
    "student", ["dark", "bright"], 32, (0.5, 0.5, 0.5), (0.3, 0.3, 0.3), shapes=narrow("student", 8, 2)
)
SCHEDULE = Fit(epochs=4, learning_rate=0.05, batch_size=8, weight_decay=0.05)
NO_SLOT = Slot(None)


def examples(n: int, seed: int) -> Examples:
    """Dark and bright noise: easy to tell apart."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    photos = rng.integers(0, 120, (n, 32, 32, 3)) + 130 * labels[:, None, None, None]
    views = Views(photos.astype(np.uint8), Normalization(CARD.mean, CARD.std), AUGMENT, seed)
    return Examples(views, torch.from_numpy(labels), "cpu")


TRAINING, VALIDATION = examples(70, 0), examples(30, 1)


def run(schedule: Fit = SCHEDULE, slot: Slot = NO_SLOT, loss=on_labels, **options):
    model = new_model(CARD, seed=0)
    history = fit(model, TRAINING, VALIDATION, loss, schedule, slot, seed=0, label="test", **options)
    return model, history


def same(a, b) -> bool:
    return all(
        torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def test_it_learns_and_leaves_the_network_ready_for_use():
    model, history = run()
    assert history[-1]["val_accuracy"] > 0.9
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert [point["epoch"] for point in history] == [1, 2, 3, 4]
    assert not model.training


def test_every_weight_moves():
    """The report's bug: an optimizer built on another network leaves all weights as they were."""
    before = new_model(CARD, seed=0)
    after, _ = run(SCHEDULE.model_copy(update={"epochs": 1}))
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        assert not torch.equal(old, new), name


def test_the_same_run_gives_the_same_weights_and_another_seed_others():
    assert same(run()[0], run()[0])
    model = new_model(CARD, seed=0)
    fit(model, TRAINING, VALIDATION, on_labels, SCHEDULE, NO_SLOT, seed=1, label="test")
    assert not same(model, run()[0])


class Killed(Exception):
    pass


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_killed_run_goes_on_and_ends_where_it_would_have_ended(tmp_path, monkeypatch, after):
    monkeypatch.setattr(Slot, "due", lambda self: True)
    slot, batches = Slot(tmp_path / "fit.safetensors"), 0

    def dying(logits, batch):
        nonlocal batches
        batches += 1
        if batches > after * math.ceil(len(TRAINING) / 8) + 2:
            raise Killed
        return on_labels(logits, batch)

    with pytest.raises(Killed):
        run(slot=slot, loss=dying)
    seen = []

    def watching(logits, batch):
        seen.append(batch.epoch)
        return on_labels(logits, batch)

    model, history = run(slot=slot, loss=watching)
    whole, whole_history = run()
    assert same(model, whole)
    assert history == whole_history
    assert min(seen) == after


def test_a_finished_run_is_not_trained_again(tmp_path):
    slot = Slot(tmp_path / "fit.safetensors")
    model, history = run(slot=slot)

    def never(logits, batch):
        raise AssertionError("trained again")

    again, history_again = run(slot=slot, loss=never)
    assert same(model, again)
    assert history == history_again


def test_views_are_numbered_and_cycle():
    seen = []

    def watching(logits, batch):
        seen.append(batch.epoch)
        return on_labels(logits, batch)

    run(loss=watching, first_epoch=5, cycle=3)
    assert list(dict.fromkeys(seen)) == [2, 0, 1]
    assert seen[0] == seen[-1] == 2


def test_a_loss_sees_the_labels_of_its_photos():
    def checking(logits, batch):
        assert torch.equal(batch.labels, TRAINING.labels[torch.from_numpy(batch.indices)])
        assert len(set(batch.indices)) == len(batch.indices) == len(logits)
        return on_labels(logits, batch)

    run(loss=checking)


def test_divergence_is_one_line_that_names_the_run():
    with pytest.raises(UserError, match="test: the loss is nan in epoch 1") as caught:
        run(loss=lambda logits, batch: on_labels(logits, batch) * float("nan"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("n", "size"), [(1, 8), (8, 8), (9, 8), (70, 8), (100, 64), (129, 64)])
def test_batches_hold_every_photo_once_and_are_about_equal(n, size):
    parts = batches(np.random.default_rng(0).permutation(n), size)
    assert sorted(np.concatenate(parts)) == list(range(n))
    sizes = [len(part) for part in parts]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def test_an_epoch_sees_every_photo():
    seen = []

    def watching(logits, batch):
        seen.extend(batch.indices)
        return on_labels(logits, batch)

    run(SCHEDULE.model_copy(update={"epochs": 1}), loss=watching)
    assert sorted(seen) == list(range(len(TRAINING)))


def test_epochs_add_up_in_the_card():
    """Of a network and of the one whose weights it started from; a killed run counts them once."""
    model, _ = run()
    assert model.card.epochs == 4
    fit(model, TRAINING, VALIDATION, on_labels, SCHEDULE, NO_SLOT, seed=1, label="test")
    assert model.card.epochs == 8


def test_fewer_photos_than_a_batch_are_one_batch():
    model, _ = run(SCHEDULE.model_copy(update={"batch_size": 4096}))
    assert not same(model, new_model(CARD, seed=0))


def test_one_cycle_rises_to_1_and_falls_to_0():
    rates = [one_cycle(step, 100) for step in range(100)]
    peak = rates.index(max(rates))
    assert max(rates) == 1
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[0] < 0.1
    assert rates[-1] < 0.01
    assert one_cycle(0, 1) > 0  # a run of one step moves too


def test_predict_is_by_photo_whatever_the_batch(monkeypatch):
    model = run()[0]
    whole = predict(model, VALIDATION)
    monkeypatch.setattr("stages.common.training.loop.EVAL_BATCH", 7)
    torch.testing.assert_close(predict(model, VALIDATION), whole)
    expected = torch.cat([model(VALIDATION.views.plain(np.array([i]))) for i in range(len(VALIDATION))])
    torch.testing.assert_close(whole, expected.detach(), atol=1e-4, rtol=1e-4)


def test_correct_counts_the_largest_logits():
    logits = torch.zeros(30, 2)
    logits[:, 1] = 1
    assert correct(logits, VALIDATION) == 15


def test_a_fit_without_validation_photos_is_the_same_and_has_no_curve():
    model = new_model(CARD, seed=0)
    assert fit(model, TRAINING, None, on_labels, SCHEDULE, NO_SLOT, seed=0, label="test") == []
    assert same(model, run()[0])
