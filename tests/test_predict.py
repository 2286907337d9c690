"""predict: photos in, classes out, bad photos one line each."""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from stages import predict
from stages.common import errors
from stages.common.compression.onnx_export import export
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.data.decoding import decode
from stages.common.errors import controls
from stages.common.networks.cards import Card, new_model
from tests.graph import ROOT
from tests.narrow import narrow

CLASSES = ["egg", "rice", "soup", "tofu"]
CARD = Card(
    "student", CLASSES, 32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1), shapes=narrow("student", 16, len(CLASSES))
)
A, B, C = "photos/a.jpg", "photos/b.png", "photos/more/c.jpg"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A network, three photos of other sizes, one that is broken, and a note."""
    folder = tmp_path_factory.mktemp("predict")
    export(new_model(CARD, seed=0).eval(), folder / "m.onnx", np.zeros((1, 32, 32, 3), dtype=np.uint8))
    random = np.random.default_rng(0)
    (folder / "photos/more").mkdir(parents=True)
    for name, size in ((A, (50, 40)), (B, (32, 32)), (C, (90, 200))):
        Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / name)
    (folder / "broken.jpg").write_bytes((folder / A).read_bytes()[:200])
    (folder / "photos/note.txt").write_text("no photo")
    return folder


@pytest.fixture(autouse=True)
def folder(made, tmp_path, monkeypatch):
    """A copy of all that for each test, which is its working directory."""
    folder = tmp_path / "here"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    return folder


def run(capsys, *arguments: str, model: str = "m.onnx") -> tuple[int, str, str]:
    """Exit code and what was written."""
    code = 0
    try:
        errors.run(lambda: predict.main(["--model", model, *arguments]))
    except SystemExit as stop:
        code = stop.code or 0
    return code, *capsys.readouterr()


def photos(out: str) -> list[str]:
    """The photos' names in the plain form."""
    return [line.split("\t")[0] for line in out.splitlines()]


def zipped(name: str, *members: str) -> None:
    """A zip in which each member is the first photo."""
    with zipfile.ZipFile(name, "w") as archive:
        for member in members:
            archive.write(A, member)


def test_the_answers_are_the_networks_own(capsys):
    code, out, _ = run(capsys, "--json", A)
    (answer,) = json.loads(out)
    pixels = decode(Path(A).read_bytes(), 32)
    logits = OnnxModel("m.onnx").logits(pixels[None])[0].astype(float)
    shares = np.exp(logits) / np.exp(logits).sum()
    assert code == 0
    assert answer["photo"] == A
    assert [c["class"] for c in answer["classes"]] == [CLASSES[i] for i in np.argsort(-shares)[:3]]
    assert [c["probability"] for c in answer["classes"]] == pytest.approx(np.sort(shares)[::-1][:3], abs=1e-5)


def test_a_bad_photo_is_one_line_and_the_others_are_classified(capsys):
    code, out, err = run(capsys, "--json", "broken.jpg", "nowhere.jpg", B)
    assert code == 1
    assert len(json.loads(out)) == 1
    lines = err.splitlines()
    assert len(lines) == 2
    assert any("broken.jpg: " in line for line in lines)
    assert any("nowhere.jpg: no such file" in line for line in lines)


def test_a_batch_boundary_loses_nothing(capsys, monkeypatch):
    _, whole, _ = run(capsys, "--json", "photos")
    monkeypatch.setattr(predict, "BATCH", 2)
    _, cut, _ = run(capsys, "--json", "photos")
    assert [a["photo"] for a in json.loads(cut)] == [a["photo"] for a in json.loads(whole)]


@pytest.mark.parametrize(
    "given, expected",
    [
        (["photos"], [A, B, C]),
        (["photos/*.jpg"], [A]),
        (["photos/*"], [A, B, C]),
        (["photos/**"], [A, B, C]),
        (["photos/**/**/"], [A, B, C]),
        (["photos/**/*.jpg"], [A, C]),
        (["**/?.*"], [A, B, C]),
        (["**/more"], [C]),
        (["photos/*/*.jpg"], [C]),
        (["photos/@eaDir/*.jpg", "photos/.trash"], ["photos/@eaDir/t.jpg", "photos/.trash/t.jpg"]),
        ([B, "photos"], [B, A, C]),
        (["photos", A, C], [A, B, C]),
        (["photos/more", "./photos/", "photos/more/../*"], [C, A, B]),
        ([A, f"./{A}", "photos/more/../a.jpg", "photos//a.jpg", A], [A]),
        (["link/b.png", "photos", "link"], ["link/b.png", A, C]),
        (["photos", "twin.jpg"], [A, B, C, "twin.jpg"]),
        (["zip.zip", "./zip.zip", "zip*", "zip-link.zip"], ["zip.zip/x/y.jpg"]),
    ],
)
def test_each_photo_once_in_the_order_given(capsys, given, expected):
    Path("link").symlink_to("photos")
    Path("twin.jpg").symlink_to(A)
    zipped("zip.zip", "x/y.jpg")
    Path("zip-link.zip").symlink_to("zip.zip")
    for folder in ("photos/@eaDir", "photos/.trash"):  # nobody's photos, unless they are named
        Path(folder).mkdir()
        shutil.copy(A, f"{folder}/t.jpg")
    assert photos(run(capsys, *given)[1]) == expected


def test_a_name_in_either_unicode_form_is_one_photo(capsys):
    Path("album").mkdir()
    shutil.copy(A, "album/u\u0308.jpg")
    assert photos(run(capsys, "album", "album/u\u0308.jpg")[1]) == ["album/\xfc.jpg"]
    assert photos(run(capsys, "album/u\u0308.jpg", "album")[1]) == ["album/u\u0308.jpg"]
    zipped("alike.zip", "\xfc.jpg", "u\u0308.jpg")  # which are two all the same
    code, out, err = run(capsys, "alike.zip")
    assert len(photos(out)) + len(err.splitlines()) == 2
    assert code == bool(err)


@pytest.mark.parametrize("pattern", ["photos", "photos/**", "photos/**/*", "photos/**/*.*"])
def test_links_in_a_circle_are_followed_once(capsys, pattern):
    """Two of them: a walk that follows both again and again doubles its way with each of 40 steps."""
    Path("photos/more/empty").mkdir()  # no failure either: nobody named it
    Path("photos/more/up").symlink_to("..")
    Path("photos/more/again").symlink_to("../../photos")
    code, out, _ = run(capsys, pattern)
    assert code == 0
    assert photos(out) == [A, B, C]


def odd() -> None:
    """Things that have names and are no photos."""
    os.mkfifo("pipe.jpg")
    os.mkfifo("pipe")
    os.mkfifo("pipe.zip")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket.jpg")
    Path("dangling.jpg").symlink_to("nowhere")
    Path("round.jpg").symlink_to("round.jpg")
    for name in ("empty", "notes", "zips", "only", "line\nbreak"):
        Path(name).mkdir()
    Path("notes/note.txt").touch()
    Path("line\nbreak/note.txt").touch()
    zipped("zips/z.zip", "a.jpg")
    os.mkfifo("only/pipe.jpg")
    zipped("empty.zip")
    Path("broken.zip").write_text("no zip")
    with zipfile.ZipFile("nested.zip", "w") as archive:
        archive.write("zips/z.zip", "z.zip")
    zipped("odd.zip", "a-b/c.jpg", f"{'x' * 300}/c.jpg")
    Path("odd.zip").write_bytes(Path("odd.zip").read_bytes().replace(b"a-b/c", b"a\0b/c"))
    Path("void.jpg").touch()


@pytest.mark.parametrize(
    "name, reason",
    [
        ("", "empty name"),
        ("x" * 300, "too long"),
        ("x" * 300 + "*", "too long"),
        ("*/" * 2000 + "x", "a pattern that cannot be followed"),
        ("nul\0.jpg", "null"),
        ("nul\0/*.jpg", "null"),
        ("nowhere\n\t\x1b.jpg", "no such file"),
        ("line\nbreak", "no photos in it, but 1 .txt"),
        ("\udcff.jpg", "no such file"),
        ("\ud800*.jpg", "surrogates"),
        (f"{A}/b.jpg", "no such file"),
        ("*.gif", "no such file, and nothing matches"),
        ("[.jpg", "no such file, and nothing matches"),
        ("pipe.jpg", "a pipe"),
        ("pipe", "a pipe"),
        ("pipe.zip", "a pipe"),
        ("socket.jpg", "a socket"),
        ("/dev/zero", "a device"),
        ("dangling.jpg", "cannot be read|leads nowhere"),
        ("round.jpg", "cannot be read|leads nowhere"),
        ("void.jpg", "empty file"),
        ("photos/note.txt", "not an image"),
        ("empty", "no photos in it"),
        ("notes", "no photos in it, but 1 .txt"),
        ("zips", "unpack them"),
        ("only", "no photos in it that can be read .only|pipe.jpg: a pipe"),
        ("empty.zip", "no photos in it"),
        ("broken.zip", "broken zip"),
        ("nested.zip", "unpack them"),
    ],
)
def test_what_is_no_photo_is_one_line(capsys, name, reason):
    odd()
    code, out, err = run(capsys, name, A, name)
    assert code == 1
    assert photos(out) == [A]
    (line,) = err.splitlines()
    shown = predict.printable(name) or '""'
    assert line.startswith(f"{shown}: ")
    assert any(part in line for part in reason.split("|"))
    assert not controls(line)
    assert "class" not in line.removeprefix(shown)


def test_names_in_a_zip_that_no_system_has(capsys):
    odd()
    code, out, err = run(capsys, "odd.zip", "odd.zip")
    assert len(photos(out)) + len(err.splitlines()) == 2
    assert code == bool(err)
    assert not any(map(controls, photos(out) + err.splitlines()))


@pytest.mark.parametrize("given", ["photos", "photos/a.jpg", "photos/*.jpg"])
def test_what_may_not_be_read_is_told_and_the_others_are_classified(capsys, monkeypatch, given):
    """By a refusal made here, since whoever may do everything, as in a container, is refused nothing."""
    opened = Path.open

    def refuse(path: Path, *arguments, **options):
        if path.name == "a.jpg":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    code, out, err = run(capsys, given, B)
    assert code == 1
    assert B in photos(out)
    assert A not in photos(out)
    assert [line for line in err.splitlines() if "passed over" not in line] == [
        f"{A}: cannot be read: Permission denied"
    ]


def test_what_is_named_like_a_photo_in_a_folder_and_is_none_is_told_once(capsys):
    os.mkfifo("photos/pipe.jpg")
    for given in (["photos"], ["photos", "photos/pipe.jpg", "photos/**"]):
        code, out, err = run(capsys, *given)
        assert code == 1
        assert photos(out) == [A, B, C]
        assert [line for line in err.splitlines() if "pipe" in line] == ["photos/pipe.jpg: a pipe, no file"]


def test_a_file_that_is_named_is_tried_whatever_its_name(capsys):
    shutil.copy(A, "scan")
    shutil.copy(A, "scan.dat")
    zipped("album.cbz", "a.jpg")
    given = ["scan", "scan.dat", "album.cbz"]
    code, out, err = run(capsys, *given)
    assert (code, err) == (0, "")
    assert photos(out) == ["scan", "scan.dat", "album.cbz/a.jpg"]
    assert photos(run(capsys, "*.dat")[1]) == ["scan.dat"]


def test_what_is_passed_over_is_counted_and_no_failure(capsys):
    zipped("photos/z.zip", "a.jpg")
    Path("photos/.hidden").touch()
    Path("link").symlink_to("photos")
    for given, told in ((["photos", "./photos", "link"], "1 .txt, 1 .zip"), (["photos/*.*"], "1 .txt")):
        code, _, err = run(capsys, *given)
        assert (code, err) == (0, f"{given[0]}: passed over: {told}\n")


@pytest.mark.parametrize(
    "given, expected",
    [
        ("trip [2020]/*.jpg", ["trip [2020]/a[1].jpg", "trip [2020]/b2.jpg"]),
        ("trip [2020]/b[0-9].jpg", ["trip [2020]/b2.jpg"]),
        ("t* [2020]/a[1].jpg", ["trip [2020]/a[1].jpg"]),
        ("trip [2020]/a[1].jpg", ["trip [2020]/a[1].jpg"]),
        ("trip [2020]", ["trip [2020]/a[1].jpg", "trip [2020]/b2.jpg"]),
        ("[p]hotos/[ab].*", [A, B]),
        ("c[1].jpg", ["c1.jpg"]),
    ],
)
def test_brackets_are_a_pattern_where_they_match_and_else_themselves(capsys, given, expected):
    Path("trip [2020]").mkdir()
    for name in ("trip [2020]/a[1].jpg", "trip [2020]/b2.jpg", "c1.jpg"):
        shutil.copy(A, name)
    code, out, _ = run(capsys, given)
    assert code == 0
    assert photos(out) == expected


def test_lines_say_what_json_says_and_the_table_too(capsys, monkeypatch):
    answers = json.loads(run(capsys, "--json", "photos")[1])
    _, out, _ = run(capsys, "photos")
    for line, answer in zip(out.splitlines(), answers, strict=True):
        name, *fields = line.split("\t")
        assert name == answer["photo"]
        assert fields[::2] == [c["class"] for c in answer["classes"]]
        assert list(map(float, fields[1::2])) == [c["probability"] for c in answer["classes"]]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, _ = run(capsys, "photos")
    assert code == 0
    assert "\t" not in out
    assert all(f"{c['class']} {c['probability']:.0%}" in out for c in answers[0]["classes"])
    assert all(name in out for name in (A, B, C))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("terminal", [False, True])
def test_any_name_is_shown_in_any_encoding(capsys, monkeypatch, encoding, terminal):
    names = ["tab\tline\nesc\x1b.jpg", "\u4e2d \u2028\xfc.jpg", os.fsdecode(b"\xff.jpg")]
    for name in names:
        shutil.copy(A, name)
    sys.stdout.reconfigure(encoding=encoding, errors="strict")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "120")
    code, out, err = run(capsys, *names)
    assert (code, err) == (0, "")
    second = "\\u4e2d \\u2028\\xfc.jpg" if encoding == "ascii" else "\u4e2d \\u2028\xfc.jpg"
    for name in ("tab\\tline\\nesc\\x1b.jpg", second, "\\udcff.jpg"):
        assert name in out
    if not terminal:
        assert [line.count("\t") for line in out.split("\n")] == [6, 6, 6, 0]
        assert not controls(out.replace("\t", "").replace("\n", ""))


def test_lines_come_a_batch_at_a_time(capsys, monkeypatch):
    written = []

    def watched(*arguments):
        written.append(len(capsys.readouterr().out.splitlines()))
        return decode(*arguments)

    monkeypatch.setattr(predict, "BATCH", 2)
    monkeypatch.setattr(predict, "decode", watched)
    run(capsys, "photos")
    assert written == [0, 0, 2]


def foreign(path: str, **facts: str) -> None:
    """An ONNX file of somebody else."""
    number = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["x"], ["y"])], "g", number[:1], number[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(model, facts)
    onnx.save(model, path)


@pytest.mark.parametrize(
    "model",
    [
        *("nowhere.onnx", "nowhere", "", "photos", "m.safetensors", f"{'x' * 300}.onnx", "nul\0.onnx"),
        *("void.onnx", "cut.onnx", "text.onnx", "pipe.onnx", "line\nbreak.onnx"),
        *("foreign.onnx", "numbers.onnx", "sizes.onnx", "inputs.onnx", "more.onnx"),
    ],
)
def test_what_is_no_network_of_this_project_is_one_line(capsys, model):
    content = Path("m.onnx").read_bytes()
    os.mkfifo("pipe.onnx")
    Path("m.safetensors").write_bytes(content)
    Path("void.onnx").touch()
    Path("cut.onnx").write_bytes(content[: len(content) // 2])
    for name in ("text.onnx", "line\nbreak.onnx"):
        Path(name).write_text("a text\nof lines\n")
    foreign("foreign.onnx")
    foreign("numbers.onnx", classes="5", image_size="32")
    foreign("sizes.onnx", classes='["a"]', image_size="many\nlines")
    foreign("inputs.onnx", classes='["a"]', image_size="32")
    more = onnx.load("m.onnx")
    del more.metadata_props[:]
    onnx.helper.set_model_props(more, {"classes": json.dumps([*CLASSES, "more"]), "image_size": "32"})
    onnx.save(more, "more.onnx")
    code, out, err = run(capsys, A, model=model)
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith(f"error: {predict.printable(model) or '--model'}")
    assert not controls(line)


def test_a_folder_with_a_network_is_a_network(capsys):
    Path("final").mkdir()
    shutil.copy("m.onnx", "final/model.onnx")
    assert run(capsys, A, model="final") == run(capsys, A)


@pytest.mark.parametrize("arguments", [[], ["--jsn", A], ["--json=x\ny", A], ["-a.jpg"], [A, "--model"]])
def test_a_wrong_command_line_is_one_line(capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("error: ")


def test_options_stand_anywhere_and_files_may_begin_with_a_dash(capsys):
    shutil.copy(A, "-a.jpg")
    code, out, _ = run(capsys, A, "--json", B, "--", "-a.jpg")
    assert code == 0
    assert [a["photo"] for a in json.loads(out)] == [A, B, "-a.jpg"]


def test_it_can_do_without_streams(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    code, out, _ = run(capsys, A, "nowhere.jpg")
    assert code == 1
    assert photos(out) == [A]
    monkeypatch.setattr(sys, "stdout", None)
    assert run(capsys, A) == (0, "", "")


def test_fifty_odd_arguments(capsys):
    """Whatever is given: an end with 0 or 1, lines that say why, and no exception, which would end this test."""
    odd()
    chance = random.Random(0)
    parts = [
        "photos",
        "a.jpg",
        "**",
        "x" * 300,
        "z.zip",
        "line\nbreak",
        "\udcff",
        "\ud800",
        "\U0001f35c",
        "--json",
    ]
    parts += list("*?[]!-/\\ .\t\n\0\x1b~'\"{}$%:=,|&") + sorted(os.listdir())
    for _ in range(50):
        # Below this folder, since the whole disk is no test.
        names = ["".join(chance.choices(parts, k=chance.randint(1, 6))) for _ in range(chance.randint(1, 3))]
        names = [name.replace("..", "").lstrip("/") for name in names]
        code, _, err = run(capsys, *names)
        assert code in (0, 1), names
        assert code == 0 or err, names
        assert all(": " in line and not controls(line) for line in err.splitlines()), names


def started(*arguments: str, **options) -> subprocess.CompletedProcess:
    """The command in a process of its own, with streams as a user has them."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "stages.predict", *arguments]
    return subprocess.run(
        command, stderr=subprocess.PIPE, env=environment, timeout=60, check=False, text=True, **options
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--model", "m.onnx", "photos/a.jpg", "photos/b.png"]])
def test_who_stops_reading_ends_it_in_silence(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = started(*arguments, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to write to")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        done = started("--model", "m.onnx", A, stdout=full)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")


def test_it_needs_no_torch():
    code = "import sys, stages.predict; sys.exit(any(m.startswith('torch') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
