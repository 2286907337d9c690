"""predict: photos in, classes out, bad photos one line each."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from stages import predict
from stages.common.compression.onnx_export import export
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.data.decoding import decode
from stages.common.networks.cards import Card, new_model
from tests.graph import ROOT
from tests.narrow import narrow

CLASSES = ["egg", "rice", "soup", "tofu"]
CARD = Card(
    "student", CLASSES, 32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1), shapes=narrow("student", 16, len(CLASSES))
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network, three photos of other sizes, one of them broken, and a note."""
    folder = tmp_path_factory.mktemp("predict")
    export(new_model(CARD, seed=0).eval(), folder / "m.onnx", np.zeros((1, 32, 32, 3), dtype=np.uint8))
    random = np.random.default_rng(0)
    (folder / "photos/more").mkdir(parents=True)
    for name, size in (("a.jpg", (50, 40)), ("b.png", (32, 32)), ("more/c.jpg", (90, 200))):
        Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / "photos" / name)
    (folder / "broken.jpg").write_bytes((folder / "photos/a.jpg").read_bytes()[:200])
    (folder / "photos/note.txt").write_text("no photo")
    return folder


def run(capsys, folder, *arguments: str) -> tuple[int, str, str]:
    """Exit code and what was written; files are below `folder`."""
    given = [a if a.startswith("-") else str(folder / a) for a in arguments]
    try:
        predict.main(["--model", str(folder / "m.onnx"), *given])
        code = 0
    except SystemExit as stop:
        code = stop.code
    return code, *capsys.readouterr()


def test_the_answers_are_the_networks_own(capsys, folder):
    code, out, _ = run(capsys, folder, "--json", "photos/a.jpg")
    (answer,) = json.loads(out)
    pixels = decode((folder / "photos/a.jpg").read_bytes(), 32)
    logits = OnnxModel(folder / "m.onnx").logits(pixels[None])[0].astype(float)
    shares = np.exp(logits) / np.exp(logits).sum()
    assert code == 0
    assert answer["photo"] == str(folder / "photos/a.jpg")
    assert [c["class"] for c in answer["classes"]] == [CLASSES[i] for i in np.argsort(-shares)[:3]]
    assert [c["probability"] for c in answer["classes"]] == pytest.approx(np.sort(shares)[::-1][:3], abs=1e-5)


def test_folders_patterns_and_zips_are_opened(capsys, folder):
    _, out, _ = run(capsys, folder, "--json", "photos")
    assert [a["photo"].rsplit("/", 1)[1] for a in json.loads(out)] == ["a.jpg", "b.png", "c.jpg"]
    _, out, _ = run(capsys, folder, "--json", "photos/*.jpg")
    assert len(json.loads(out)) == 1
    with zipfile.ZipFile(folder / "z.zip", "w") as archive:
        archive.write(folder / "photos/b.png", "x/b.png")
    _, out, _ = run(capsys, folder, "--json", "z.zip")
    assert len(json.loads(out)) == 1


def test_a_bad_photo_is_one_line_and_the_others_are_classified(capsys, folder):
    code, out, err = run(capsys, folder, "--json", "broken.jpg", "nowhere.jpg", "photos/b.png")
    assert code == 1
    assert len(json.loads(out)) == 1
    lines = err.splitlines()
    assert len(lines) == 2
    assert any("broken.jpg: " in line for line in lines)
    assert any("nowhere.jpg: no such file" in line for line in lines)


def test_a_batch_boundary_loses_nothing(capsys, folder, monkeypatch):
    _, whole, _ = run(capsys, folder, "--json", "photos")
    monkeypatch.setattr(predict, "BATCH", 2)
    _, cut, _ = run(capsys, folder, "--json", "photos")
    assert [a["photo"] for a in json.loads(cut)] == [a["photo"] for a in json.loads(whole)]


def test_the_table_names_photos_and_classes(capsys, folder):
    code, out, _ = run(capsys, folder, "photos/b.png")
    assert code == 0
    assert "%" in out
    assert any(name in out for name in CLASSES)


@pytest.mark.parametrize(
    "arguments", [[], ["--model", "nowhere.onnx", "a.jpg"], ["--model", "models/pruned.safetensors", "a.jpg"]]
)
def test_nothing_to_do_or_to_do_it_with_is_one_line(arguments, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "stages.predict", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


def test_it_needs_no_torch():
    code = "import sys, stages.predict; sys.exit(any(m.startswith('torch') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
