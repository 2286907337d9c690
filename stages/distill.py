"""distill: the student, taught by a teacher's soft labels."""

from stages.common import errors
from stages.common.params import read
from stages.common.training.examples import MANIFEST, PREPARED, open_data
from stages.common.training.outputs import train
from stages.common.training.resuming import Resumable
from stages.common.training.soft_labels import open_soft_labels, path_of


def main() -> None:
    parser = errors.Parser(description=__doc__)
    parser.add_argument("teacher", choices=["scratch", "pretrained"])
    teacher = parser.parse_args().teacher
    params = read("seed", "augment", "distill", "student.architecture")
    data = open_data(params.augment, params.seed)
    answers = open_soft_labels(teacher, PREPARED)
    loss = answers.loss(params.distill.temperature, params.distill.alpha)
    model = data.new_model(params.student.architecture)
    resumable = Resumable("distill", params, [MANIFEST, path_of(teacher)])
    name = f"student_distilled_{teacher}"
    train(name, model, data, loss, params.distill, resumable, cycle=answers.views)


if __name__ == "__main__":
    errors.run(main, arguments=True)
