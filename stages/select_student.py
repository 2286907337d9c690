"""select_student: the better distilled student by validation accuracy; at a tie the pretrained teacher's."""

import json
import shutil
from pathlib import Path

from stages.common import errors, progress

CANDIDATES = ("student_distilled_pretrained", "student_distilled_scratch")


def main() -> None:
    metrics = {name: json.loads(Path(f"metrics/{name}.json").read_text()) for name in CANDIDATES}
    best = max(CANDIDATES, key=lambda name: metrics[name]["val_accuracy"])
    shutil.copytree(Path("models") / best, "models/student", dirs_exist_ok=True)
    shutil.copy(f"metrics/{best}.json", "metrics/student.json")
    progress.say(f"student: {best}")


if __name__ == "__main__":
    errors.run(main)
