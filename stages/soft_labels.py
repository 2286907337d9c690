"""soft_labels: a teacher's logits for every view of every training photo, computed once for all students.

Shen and Xing 2022, "A fast knowledge distillation framework": teacher and student see the same view.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from stages.common import errors, machine, progress
from stages.common.networks.model_files import load_to_go_on
from stages.common.params import read
from stages.common.training.examples import PREPARED, open_data
from stages.common.training.loop import EVAL_BATCH
from stages.common.training.soft_labels import write_soft_labels


def main() -> None:
    parser = errors.Parser(description=__doc__)
    parser.add_argument("teacher", choices=["scratch", "pretrained"])
    name = parser.parse_args().teacher
    params = read("seed", "augment", "distill.views")
    data = open_data(params.augment, params.seed)
    teacher, views = load_to_go_on(Path(f"models/teacher_{name}"), data.device), params.distill.views
    training = data.split("training").seen_by(teacher.card)
    teacher = teacher.to(memory_format=torch.channels_last)

    def answers() -> Iterator[np.ndarray]:
        with progress.bar(f"soft labels {name}", views * len(training)) as bar, torch.inference_mode():
            for view in range(views):
                for start in range(0, len(training), EVAL_BATCH):
                    indices = np.arange(start, min(start + EVAL_BATCH, len(training)))
                    with machine.autocast(data.device):
                        logits = teacher(training.views.batch(view, indices))
                    yield logits.float().cpu().numpy()
                    bar.advance(len(indices))

    write_soft_labels(name, (views, len(training), len(data.classes)), answers(), PREPARED)


if __name__ == "__main__":
    errors.run(main, arguments=True)
