"""What every stage that makes a network leaves behind: the model, its curve and its metrics."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from torch import nn

from stages.common import progress
from stages.common.errors import NotPossible
from stages.common.files import METRICS, whole, write, write_csv, write_json
from stages.common.networks import costs
from stages.common.networks.model_files import save_model
from stages.common.params import Fit
from stages.common.training.accuracy import accuracies
from stages.common.training.examples import Data, Examples
from stages.common.training.loop import Loss, fit, predict
from stages.common.training.resuming import Resumable


def validated(model: nn.Module, validation: Examples) -> dict[str, float]:
    """Accuracy on the validation photos: the keys of `accuracy.accuracies`."""
    return accuracies(predict(model, validation).argmax(1).numpy(), validation.labels.cpu().numpy())


def measured(model: nn.Module, path: Path, validation: Examples) -> dict[str, float]:
    """The metrics every network has; `path` is its file."""
    return {
        **validated(model, validation),
        "params": costs.parameters(model),
        "macs": costs.macs(model, model.card.seen_size),
        "size_kib": costs.size_kib(path),
        "epochs": model.card.epochs,
    }


def leave_out(name: str, reason: NotPossible, **extra: None) -> None:
    """Say that a network could not be made, in the place of what `train` writes."""
    progress.say(f"{name}: left out: {reason}")
    with whole(Path("models") / name) as folder:
        write(folder / "reason.txt", f"{reason}\n")
        write_csv(folder / "training.csv", pd.DataFrame(columns=["epoch", "train_loss", "val_accuracy"]))
    write_json(f"metrics/{name}.json", dict.fromkeys(METRICS) | extra | {"reason": str(reason)})


def train(
    name: str,
    model: nn.Module,
    data: Data,
    loss: Loss,
    schedule: Fit,
    resumable: Resumable,
    *,
    cycle: int | None = None,
    fitting: Callable[..., list[dict]] = fit,
    **extra: float,
) -> None:
    """Fit `model`, then write models/<name>/ (model.safetensors, training.csv) and metrics/<name>.json.

    loss, schedule and cycle as in `loop.fit`, which `fitting` may replace; `extra` joins the metrics.
    """
    validation = data.split("validation")
    with resumable:
        training, slot = data.split("training"), resumable.slot("fit")
        history = fitting(
            model, training, validation, loss, schedule, slot, seed=data.seed, label=name, cycle=cycle
        )
        with whole(Path("models") / name) as folder:
            save_model(model, folder / "model.safetensors")
            write_csv(folder / "training.csv", pd.DataFrame(history))
            metrics = measured(model, folder / "model.safetensors", validation) | extra
            write_json(
                f"metrics/{name}.json", metrics
            )  # what is no number leaves the model of before in place
    progress.say(
        f"{name}: validation accuracy {metrics['val_accuracy']:.4f} "
        f"[{metrics['val_low']:.4f}, {metrics['val_high']:.4f}], {metrics['params']:,} parameters, "
        f"{metrics['epochs']} epochs"
    )
