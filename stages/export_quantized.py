"""export_quantized: the student at quantize.bits and the CNN at 4 bits, put at fixed paths.

At 4 bits the CNN takes about the bytes that the student takes unquantized.
"""

from pathlib import Path

from stages.common import errors
from stages.common.errors import UserError
from stages.common.files import METRICS, read_csv, write, write_json
from stages.common.params import read

STUDENT, CNN, CNN_BITS = Path("models/quantized/student"), Path("models/quantized/cnn"), 4


def export(folder: Path, bits: int, name: str) -> None:
    """One file, and the last figures measured at its bits."""
    levels = read_csv(folder / "levels.csv", ("bits", *METRICS))
    found = levels[levels["bits"] == bits]
    if found.empty:
        raise UserError(f"{folder / 'levels.csv'}: says nothing of {bits} bits; run `dvc repro quantize`")
    row = found.iloc[-1]
    write(f"models/{name}.safetensors", (folder / f"bits_{bits}.safetensors").read_bytes())
    write_json(f"metrics/{name}.json", {key: row[key].item() for key in METRICS})


def main() -> None:
    export(STUDENT, read("quantize.bits").quantize.bits, "quantized")
    export(CNN, CNN_BITS, "cnn_quantized")


if __name__ == "__main__":
    errors.run(main)
