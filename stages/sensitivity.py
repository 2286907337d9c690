"""sensitivity: accuracy against the share of channels removed, one layer at a time, without fine-tuning.

Li et al. 2017, "Pruning filters for efficient ConvNets", section 3.2.
"""

from pathlib import Path

import pandas as pd

from stages.common import errors, progress
from stages.common.compression.pruning import kept_channels, prune, scored
from stages.common.files import write_csv
from stages.common.networks.model_files import load_model
from stages.common.params import read
from stages.common.training.examples import open_data
from stages.common.training.outputs import validated

SHARES = [round(0.1 * i, 1) for i in range(10)]  # of a layer's channels


def main() -> None:
    params = read("seed", "augment", "prune.importance", "prune.teacher")
    data = open_data(params.augment, params.seed)
    validation = data.split("validation")
    model = load_model(
        Path(f"models/student_distilled_{params.prune.teacher}/model.safetensors"), data.device
    )
    found = scored(model, params.prune.importance, data.split("training"), seed=params.seed)
    rows = []
    cuts = [(block, share) for block in found for share in SHARES]
    for block, share in progress.track(cuts, "sensitivity", len(cuts), "cuts"):
        channels = list(model.channels)
        channels[block] -= int(share * channels[block])
        cut = prune(model, kept_channels(model, channels, found)).to(data.device)
        rows.append({"series": f"block {block}", "removed": share, **validated(cut, validation)})
    write_csv("plots/sensitivity.csv", pd.DataFrame(rows))


if __name__ == "__main__":
    errors.run(main)
