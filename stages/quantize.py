"""quantize: a network at 16 to 3 bits a weight: rounded, and at few bits fine-tuned while rounded."""

from pathlib import Path

import pandas as pd

from stages.common import errors, progress
from stages.common.compression.quantization import quantized, start_rounding, stop_rounding
from stages.common.files import whole, write_csv
from stages.common.networks.codes import BITS, FLOAT
from stages.common.networks.model_files import load_model, load_to_go_on, save_model
from stages.common.params import read
from stages.common.training.examples import MANIFEST, PREPARED, open_data
from stages.common.training.loop import fit
from stages.common.training.outputs import measured
from stages.common.training.resuming import Resumable
from stages.common.training.soft_labels import open_soft_labels, path_of

ROUNDED_ENOUGH = 6  # bits at which rounding alone costs next to nothing


def main() -> None:
    parser = errors.Parser(description=__doc__)
    parser.add_argument("network", choices=["student", "cnn"])
    network = parser.parse_args().network
    params = read("seed", "augment", "distill.temperature", "distill.alpha", "prune.teacher", "quantize.fit")
    schedule, teacher = params.quantize.fit, params.prune.teacher
    data = open_data(params.augment, params.seed)
    training, validation = data.split("training"), data.split("validation")
    answers = open_soft_labels(teacher, PREPARED)
    loss = answers.loss(params.distill.temperature, params.distill.alpha)
    source = Path(f"models/{'cnn' if network == 'cnn' else f'student_distilled_{teacher}'}/model.safetensors")
    rows = []

    def record(series: str, bits: int, path: Path) -> None:
        # What is measured is the file.
        metrics = measured(load_model(path, data.device), path, validation)
        rows.append({"series": series, "bits": bits, **metrics})
        progress.say(f"{series}, {bits} bits: {metrics['size_kib']:,} KiB, {metrics['val_accuracy']:.4f}")

    record(network, FLOAT, source)
    with (
        Resumable("quantize", params, [MANIFEST, source, path_of(teacher)]) as resumable,
        whole(Path(f"models/quantized/{network}")) as folder,
    ):
        for bits in BITS:
            path = folder / f"bits_{bits}.safetensors"
            save_model(quantized(load_model(source), bits), path)
            record(network, bits, path)
            if bits >= ROUNDED_ENOUGH:
                continue
            model = load_to_go_on(source, data.device)
            start_rounding(model, bits)
            fit(
                model,
                training,
                None,
                loss,
                schedule,
                resumable.slot(f"{bits} bits"),
                seed=params.seed,
                label=f"{network} at {bits} bits",
                cycle=answers.views,
            )
            stop_rounding(model, bits)
            save_model(model, path)
            record(f"{network} fine-tuned", bits, path)
        write_csv(folder / "levels.csv", pd.DataFrame(rows))


if __name__ == "__main__":
    errors.run(main, arguments=True)
