"""sensitivity: accuracy against the share of channels removed, one layer at a time, without fine-tuning.

Li et al. 2017, "Pruning filters for efficient ConvNets", section 3.2.
"""

from pathlib import Path

import pandas as pd

from stages.common import errors, progress
from stages.common.compression.pruning import cuttable, kept_channels, scored
from stages.common.compression.wiring import prune
from stages.common.errors import NotPossible
from stages.common.files import write_csv
from stages.common.networks.model_files import load_model
from stages.common.params import read
from stages.common.training.examples import open_data
from stages.common.training.outputs import validated

COLUMNS = [
    *("series", "removed", "val_accuracy", "val_low", "val_high", "val_balanced_accuracy", "epochs"),
]
SHARES = [round(0.1 * i, 1) for i in range(10)]  # of a layer's channels


def main() -> None:
    params = read("seed", "augment", "prune.importance", "prune.teacher")
    data = open_data(params.augment, params.seed)
    validation = data.split("validation")
    model = load_model(
        Path(f"models/student_distilled_{params.prune.teacher}/model.safetensors"), data.device
    )
    try:
        groups = cuttable(model)
    except NotPossible as reason:
        progress.say(f"sensitivity: left out: {reason}")
        groups = ()
    rows, found = [], {}
    if groups:
        found = scored(model, groups, params.prune.importance, data.split("training"), seed=params.seed)
    cuts = [(group, share) for group in groups for share in SHARES]
    for group, share in progress.track(cuts, "sensitivity", len(cuts), "cuts"):
        sizes = {group.name: group.size - int(share * group.size)}
        cut = prune(model, groups, kept_channels(found, sizes)).to(data.device)
        measured = validated(cut, validation)
        rows.append({"series": group.name, "removed": share, **measured, "epochs": model.card.epochs})
    write_csv("plots/sensitivity.csv", pd.DataFrame(rows, columns=COLUMNS))


if __name__ == "__main__":
    errors.run(main)
