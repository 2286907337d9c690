"""train_teacher: a teacher on the photos, from scratch or from pretrained weights."""

from pathlib import Path

from stages.common import errors
from stages.common.networks.model_files import load_to_go_on
from stages.common.networks.pretrained import started_from
from stages.common.params import read
from stages.common.training.examples import MANIFEST, open_data, require_known_networks
from stages.common.training.heads import fit_head
from stages.common.training.loop import fit, on_labels
from stages.common.training.outputs import train
from stages.common.training.resuming import Resumable

PRETRAINED = Path("models/pretrained.safetensors")


def main() -> None:
    parser = errors.Parser(description=__doc__)
    parser.add_argument("start", choices=["scratch", "pretrained"])
    start = parser.parse_args().start
    params = read("seed", "augment", f"teacher.{start}")
    schedule = getattr(params.teacher, start)
    require_known_networks()
    data, fitting, inputs = open_data(params.augment, params.seed), fit, [MANIFEST]
    model = data.new_model(schedule.architecture, schedule.image_size)
    if start == "pretrained":
        model = started_from(load_to_go_on(PRETRAINED, "cpu"), model)
        fitting = fit_head if schedule.tune == "head" else fit
        inputs.append(PRETRAINED)
    resumable = Resumable("train_teacher", params, inputs)
    train(f"teacher_{start}", model, data, on_labels, schedule, resumable, fitting=fitting)


if __name__ == "__main__":
    errors.run(main, arguments=True)
