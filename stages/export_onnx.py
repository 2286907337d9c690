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
from stages.common.files import METRICS, whole, write, write_json
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
    start, metrics = int8_start(student.card.architecture), {}
    with whole(FOLDER) as folder:
        folder.mkdir()
        try:
            export(load_model(TEACHER), folder / "teacher.onnx", photos)
        except NotPossible as error:
            progress.say(f"teacher pretrained: {error}")
            write(folder / "teacher.txt", f"{error}\n")
        files = {"onnx_fp32": folder / "student.onnx", "onnx_int8": folder / "student_int8.onnx"}
        for name, file in files.items():
            try:
                if name == "onnx_fp32":
                    export(student, file, photos)
                else:
                    quantize_int8(files["onnx_fp32"], file, photos, start)
            except NotPossible as reason:
                progress.say(f"{name}: left out: {reason}")
                write(file.with_suffix(".txt"), f"{reason}\n")
                metrics[name] = dict.fromkeys(METRICS) | {"reason": str(reason)}
                continue
            metrics[name] = of = measured(file, student, validation)
            progress.say(f"{name}: validation accuracy {of['val_accuracy']:.4f}, {of['size_kib']:,} KiB")
    for name, of in metrics.items():
        write_json(f"metrics/{name}.json", of)


if __name__ == "__main__":
    errors.run(main)
