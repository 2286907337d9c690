"""export_onnx: the student and the pretrained teacher as ONNX files, the student in int8 too."""

from pathlib import Path

from stages.common import errors, progress
from stages.common.compression.onnx_export import (
    calibration_photos,
    export,
    int8_start,
    measured,
    quantize_int8,
)
from stages.common.data.arrays import open_split
from stages.common.errors import NotPossible
from stages.common.files import METRICS, write_json
from stages.common.networks.model_files import load_model
from stages.common.params import read
from stages.common.training.examples import PREPARED

TEACHER = Path("models/teacher_pretrained/model.safetensors")
FOLDER = Path("models/onnx")


def main() -> None:
    params = read("seed", "export.calibration", "prune.teacher")
    validation = open_split(PREPARED, "validation")
    student = load_model(Path(f"models/student_distilled_{params.prune.teacher}/model.safetensors"))
    photos = calibration_photos(params.export.calibration, params.seed)
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        export(load_model(TEACHER), FOLDER / "teacher.onnx", photos)
    except NotPossible as error:
        progress.say(f"teacher pretrained: {error}")
    whole, small = FOLDER / "student.onnx", FOLDER / "student_int8.onnx"
    start = int8_start(student.card.architecture)
    for name, file in (("onnx_fp32", whole), ("onnx_int8", small)):
        try:
            if file == whole:
                export(student, whole, photos)
            else:
                quantize_int8(whole, small, photos, start)
        except NotPossible as reason:
            progress.say(f"{name}: left out: {reason}")
            write_json(f"metrics/{name}.json", dict.fromkeys(METRICS) | {"reason": str(reason)})
            continue
        metrics = measured(file, student, validation)
        write_json(f"metrics/{name}.json", metrics)
        progress.say(
            f"{name}: validation accuracy {metrics['val_accuracy']:.4f}, {metrics['size_kib']:,} KiB"
        )


if __name__ == "__main__":
    errors.run(main)
