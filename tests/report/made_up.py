"""Results of no run at all: every file that the report reads, so that it is tested without training."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stages.common.evidence.catalogue import LARGE_STEPS, METRICS, NETWORKS, SMALL_STEPS, Catalogue
from stages.common.evidence.predictions import FOLDER, Predictions, write_predictions
from stages.common.files import write_csv, write_json
from stages.common.params import load
from stages.common.training.accuracy import accuracies
from tests.graph import ROOT

MACHINE, VERSIONS = "A processor, 2 cores, Linux", "torch 2.0, onnxruntime 1.0"
SIZES = {  # parameters, KiB
    "teacher": (11_182_155, 43_729.0),
    "cnn": (2_168_203, 8_485.0),
    "cnn_pruned": (254_038, 1_002.0),
    "factorized": (256_491, 1_018.0),
    "student": (256_779, 1_018.0),
}
FILES = {"final": 123.0, "onnx_int8": 290.0, "quantized": 288.0, "cnn_quantized": 1_092.0}  # KiB
SPLITS = ("validation", "test")


class MadeUp:
    """A workspace below `folder`, which is the current directory."""

    def __init__(self, folder: Path, classes: list[str], photos: int = 12, tested: bool = True):
        self.folder, self.classes, self.photos = folder, classes, photos
        self.splits = SPLITS if tested else SPLITS[:1]
        self.rng = np.random.default_rng(0)
        shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots", dirs_exist_ok=True)
        shutil.copy(ROOT / "tests/tiny.yaml", folder / "params.yaml")
        params = load(folder / "params.yaml")
        self.catalogue = Catalogue(params.prune.teacher, params.prune.reference_rates)
        self.data()
        self.steps()
        for name in NETWORKS:
            self.network(name)
        write_json("metrics/test.json", self.test)
        write_json("metrics/run.json", {"device": "cpu", "precision": "fp32", "threads": 2, "torch": "2.0"})
        self.others()

    def data(self) -> None:
        """Photos of one colour a class, three classes a row; the files of `prepare`."""
        files = []
        for split in ("training", *self.splits):
            for label in range(len(self.classes)):
                for i in range(self.photos):
                    name = f"{split}/{label}_{i}.png"
                    files.append({"split": split, "file": name, "label": label})
                    path = Path("data/sample") / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.new("RGB", (40, 40), (20 * label, 200 - 15 * label, 7 * i % 256)).save(path)
        self.files = pd.DataFrame(files)
        prepared = Path("data/prepared")
        prepared.mkdir(parents=True)
        self.files.to_csv(prepared / "files.csv", index=False)
        write_csv(prepared / "rejected.csv", pd.DataFrame([{"file": "a.jpg", "reason": "broken"}]))
        manifest = {"classes": self.classes, "image_size": 32}
        (prepared / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        n = {split: int((self.files["split"] == split).sum()) for split in ("training", *SPLITS)}
        counts = {"classes": len(self.classes), "rejected": 1, "duplicated": 20, "dropped": 5}
        write_json("metrics/data.json", n | counts)
        self.test = {"n": n["test"]}

    def answers(self, accuracy: float) -> dict[str, Predictions]:
        """Random probabilities, right about as often as `accuracy` says."""
        said = {}
        for split in self.splits:
            rows = self.files[self.files["split"] == split]
            labels, k = rows["label"].to_numpy(), len(self.classes)
            best = np.where(
                self.rng.random(len(rows)) < accuracy, labels, self.rng.integers(k, size=len(rows))
            )
            sure = self.rng.uniform(0.5, 0.95, size=(len(rows), 1))
            p = np.where(np.arange(k) == best[:, None], sure, (1 - sure) / (k - 1))
            said[split] = Predictions(rows["file"].to_numpy(), labels, p)
        return said

    def metrics(self, said: Predictions, params: int, size_kib: float, epochs: int) -> dict:
        costs = {"params": params, "macs": 7 * params, "size_kib": size_kib, "epochs": epochs}
        found = accuracies(said.said, said.labels) | costs
        assert set(found) == set(METRICS)
        return found

    def network(self, name: str) -> None:
        """A network's predictions, metrics and training curve."""
        said = self.answers(0.75 if "teacher" in name else 0.3 if name == "cnn_pruned" else 0.65)
        self.answer(name, said)
        params, kib = SIZES.get(name, SIZES.get(name.split("_")[0], (91_211, 367.0)))
        found = self.metrics(said["validation"], params, FILES.get(name, kib), 20)
        if "pruned" in name or name == "factorized":
            found["val_accuracy_before_finetune"] = 0.4
        write_json(f"metrics/{name}.json", found)
        if NETWORKS[name].path.name == "model.safetensors":
            curve = pd.DataFrame({"epoch": range(1, 4), "train_loss": 1.0, "val_accuracy": (0.3, 0.45, 0.5)})
            write_csv(f"models/{name}/training.csv", curve)

    def answer(self, name: str, said: dict[str, Predictions]) -> None:
        """Store a network's answers."""
        write_predictions(FOLDER, name, self.classes, said)
        if "test" in said:
            self.test[name] = float(said["test"].right.mean())

    def steps(self) -> None:
        """Both reference rates, and the answers of their last steps."""
        for name, rate, count in zip((SMALL_STEPS, LARGE_STEPS), self.catalogue.rates, (8, 4), strict=True):
            rows = []
            for step, width in enumerate(np.linspace(1, 0.5, count + 1)):
                said = self.answers(0.6 + 0.1 * width)
                found = self.metrics(
                    said["validation"], int(91_211 + 331_136 * (width - 0.5)), 1_018 * width, 20
                )
                row = {"rate": rate, "step": step, "width": width, **found}
                rows.append(row | {"val_accuracy_before_finetune": 0.5})
            self.answer(name, said)
            write_csv(f"models/pruned/{rate}/steps.csv", pd.DataFrame(rows))
        write_csv("models/pruned.csv", pd.DataFrame(rows))

    def others(self) -> None:
        """What other stages leave: sensitivity, bits, latency, candidates, claims."""
        interval = {"val_accuracy": 0.6, "val_low": 0.5, "val_high": 0.7, "epochs": 20}
        size = {"val_balanced_accuracy": 0.6, "params": 1000, "macs": 2000}
        cuts = [
            {"series": f"block {b}", "removed": r, **interval, "val_accuracy": 0.6 - r * b / 10}
            for b in (3, 4)
            for r in (0.0, 0.5)
        ]
        write_csv("plots/sensitivity.csv", pd.DataFrame(cuts))
        for name in ("student", "cnn"):
            levels = [
                {"series": name, "bits": bits, "size_kib": 30.0 * bits, **interval, **size}
                for bits in (32, 8, 4)
            ]
            write_csv(f"models/quantized/{name}/levels.csv", pd.DataFrame(levels))
        looked = [("pruned_from_scratch", "int8", 123.0, True), ("pruned_one_shot", "int8", 124.0, False)]
        rows = [
            {
                "candidate": c,
                "form": f,
                "params": 87_357,
                "size_kib": k,
                "val_accuracy": 0.65,
                "epochs": 32,
                "chosen": y,
            }
            for c, f, k, y in looked
        ]
        write_csv("models/final/candidates.csv", pd.DataFrame(rows))
        times = []
        for threads in (1, 2):
            for batch in (1, 32):
                for i, (series, runtime) in enumerate(self.catalogue.timed):
                    ms = 8.0 / (i + 1) / threads * batch**0.8
                    row = {"series": series, "runtime": runtime, "threads": threads, "batch": batch, "ms": ms}
                    row |= {"ms_p10": 0.9 * ms, "ms_p90": 1.2 * ms, "images_per_second": 1000 * batch / ms}
                    times.append(
                        row | {"size_kib": 1000.0 / (i + 1), "machine": MACHINE, "versions": VERSIONS}
                    )
        write_csv("plots/latency.csv", pd.DataFrame(times))
        write_csv(
            "plots/claims.csv", claims(len(self.splits) == 2, self.files["split"].eq("validation").sum())
        )

    def study(self, seeds: list[int], name: str = "sample", **changed) -> None:
        """A study of these parameters, or of changed ones: text by text."""
        folder = Path("studies") / name
        text = Path("params.yaml").read_text(encoding="utf-8")
        for old, new in changed.items():
            text = text.replace(old, new)
        folder.mkdir(parents=True)
        (folder / "params.yaml").write_text(text, encoding="utf-8")
        about = {
            "name": name,
            "revision": "0123456789ab",
            "seeds": seeds,
            "source": "data/sample",
            "machine": MACHINE,
        }
        about |= {"device": "cpu", "precision": "fp32", "threads": 2, "versions": {"torch": "2.0"}}
        (folder / "study.json").write_text(json.dumps(about), encoding="utf-8")
        table = claims(len(self.splits) == 2, len(seeds))
        table["seeds"] = " ".join(map(str, seeds))
        for prefix in ("", "test_") if len(self.splits) == 2 else ("",):
            table[f"{prefix}each"] = [
                " ".join(f"{d + 0.01 * (-1) ** s:.6f}" for s in seeds) for d in table[f"{prefix}difference"]
            ]
        write_csv(folder / "claims.csv", table.drop(columns="test_n", errors="ignore"))
        spread = {"val_accuracy": 0.68, "val_deviation": 0.01, "test_accuracy": 0.67, "test_deviation": 0.012}
        costs = {"params": 256_779, "size_kib": 1_018.0, "epochs": 20}
        write_csv(
            folder / "networks.csv",
            pd.DataFrame([{"series": n, "n": len(seeds), **spread, **costs} for n in NETWORKS]),
        )


def claims(tested: bool, n: int) -> pd.DataFrame:
    """A claim of each verdict, in no order."""
    rows = []
    for claim, difference in (
        ("Design beats pruning at equal size", 0.0),
        ("Small pruning steps beat large ones at equal size", 0.002),
        ("Pruning beats training its shape from scratch", -0.04),
        ("Distillation from the pretrained teacher helps", 0.03),
        ("The pretrained teacher teaches better", 0.02),
        ("Pretraining helps the teacher", 0.06),
    ):
        row = {
            "claim": claim,
            "difference": difference,
            "low": difference - 0.015,
            "high": difference + 0.015,
            "n": n,
        }
        row["verdict"] = "holds" if row["low"] > 0 else "does not" if row["high"] < 0 else "not decided"
        test = {f"test_{key}": value for key, value in row.items() if key != "claim"} if tested else {}
        rows.append(row | {"epochs": 20, "p_value": 0.01} | test)
    return pd.DataFrame(rows)
