"""train_student: the student on labels alone, the control for distillation."""

from stages.common import errors
from stages.common.params import read
from stages.common.training.examples import MANIFEST, open_data
from stages.common.training.loop import on_labels
from stages.common.training.outputs import train
from stages.common.training.resuming import Resumable


def main() -> None:
    params = read("seed", "augment", "student")
    data = open_data(params.augment, params.seed)
    model = data.new_model(params.student.architecture)
    resumable = Resumable("train_student", params, [MANIFEST])
    train("student_scratch", model, data, on_labels, params.student, resumable)


if __name__ == "__main__":
    errors.run(main)
