"""train_student: the depthwise-separable student on labels alone, the control for distillation."""

from stages.common import errors
from stages.common.checkpoint import new_model
from stages.common.examples import MANIFEST, open_data
from stages.common.params import read
from stages.common.results import train
from stages.common.scratch import Scratch
from stages.common.training import on_labels


def main() -> None:
    params = read("seed", "augment", "student")
    data = open_data(params.augment, params.seed)
    model = new_model(data.card("student"), params.seed)
    scratch = Scratch("train_student", params, [MANIFEST])
    train("student_scratch", model, data, on_labels, params.student, scratch)


if __name__ == "__main__":
    errors.run(main)
