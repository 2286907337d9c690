"""The prepared arrays: what they hold, that they repeat to the byte, and how little memory building takes."""

import csv
import hashlib
import itertools
import json
import threading
import weakref
import zipfile
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.common.data import preparing
from stages.common.data.arrays import SPLITS, Manifest, open_split, read_manifest
from stages.common.data.decoding import decode
from stages.common.errors import UserError
from tests.data.making import refused

SIZE = 16


def write_photo(path: Path, seed: int, size: int = 24) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_photos(root: Path, per_class: int = 6, classes: int = 3, size: int = 24) -> Path:
    """A source in Food-11's layout; no two photos alike."""
    for split, count, base in (("training", per_class, 0), ("validation", 2, 1000), ("testing", 1, 2000)):
        for cls in range(classes):
            for number in range(count):
                write_photo(root / split / f"{cls}_{number}.png", base + 100 * cls + number, size)
    write_photo(root / "testing" / "0001.png", 3000, size)
    return root


def build(source: Path, directory: Path, **changes) -> Manifest:
    settings = {"image_size": SIZE, "val_fraction": 0.25, "max_rejected": 0, "seed": 1, "label": "prepare"}
    settings |= {"key": "data", "rejects": directory.parent / "rejected.csv"}
    return preparing.build(source, directory, **settings | changes)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


@pytest.fixture
def source(tmp_path) -> Path:
    return write_photos(tmp_path / "photos")


def test_arrays_hold_the_listed_photos(source, tmp_path):
    build(source, tmp_path / "out")
    listed = rows(tmp_path / "out/files.csv")
    assert len(listed) == 18 + 6 + 4
    for split in SPLITS:
        pixels, labels = open_split(tmp_path / "out", split)
        files = [row for row in listed if row["split"] == split]
        assert isinstance(pixels, np.memmap)
        assert not pixels.flags.writeable
        assert (pixels.dtype, labels.dtype) == (np.uint8, np.int64)
        assert pixels.shape == (len(files), SIZE, SIZE, 3)
        assert labels.tolist() == [int(row["label"]) for row in files]
        for image, row in zip(pixels, files, strict=True):
            assert np.array_equal(image, decode((source / row["file"]).read_bytes(), SIZE))
            cls = Path(row["file"]).name.split("_")[0]
            assert row["label"] == ("-1" if cls == "0001.png" else cls)


def test_manifest_tells_what_the_arrays_hold(source, tmp_path):
    manifest = build(source, tmp_path / "out")
    assert manifest == read_manifest(tmp_path / "out")
    assert manifest.classes == ("0", "1", "2")
    assert manifest.image_size == SIZE
    assert manifest.counts == {"training": 18, "validation": 6, "test": 4}
    assert (manifest.rejected, manifest.duplicated, manifest.dropped) == (0, 0, 0)
    files = {name: data for name, data in contents(tmp_path / "out").items() if name != "manifest.json"}
    assert manifest.digests == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    assert len(files) == 11


def test_mean_and_deviation_are_those_of_the_training_photos(source, tmp_path):
    for path in (source / "training").iterdir():  # reddish, so that the channels differ
        with Image.open(path) as image:
            pixels = np.array(image) // np.array([1, 2, 4], np.uint8)
        Image.fromarray(pixels).save(path)
    manifest = build(source, tmp_path / "out")
    pixels = open_split(tmp_path / "out", "training").images.reshape(-1, 3) / 255
    assert manifest.mean == tuple(pixels.mean(axis=0).round(6).tolist())
    assert manifest.std == tuple(pixels.std(axis=0).round(6).tolist())


def test_a_missing_split_is_an_empty_array(tmp_path):
    for number in range(8):
        write_photo(tmp_path / f"photos/{number % 2}_{number}.png", number)
    manifest = build(tmp_path / "photos", tmp_path / "out")
    assert manifest.counts == {"training": 6, "validation": 2, "test": 0}
    test = open_split(tmp_path / "out", "test")
    assert (test.images.shape, test.labels.shape) == ((0, SIZE, SIZE, 3), (0,))
    held = open_split(tmp_path / "out", "validation").labels
    assert sorted(held.tolist()) == [0, 1]


def test_the_same_photos_give_the_same_bytes(source, tmp_path, monkeypatch):
    """Whatever the number of threads, from a folder or a zip, in a new place or over an earlier result."""
    write_photo(source / "training/0_77.png", 0)  # a copy that stays
    write_photo(source / "validation/0_77.png", 0)  # and one that does not
    write_photo(source / "training/2_77.png", 100)  # of two classes: two rejects
    (source / "training/0_99.png").write_bytes(b"no photo")
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(source.rglob("*.png"), reverse=True):
            file.write(path, path.relative_to(source))
    results = []
    for photos, directory, workers in (
        (source, "a", 1),
        (source, "b", 4),
        (archive, "c", 4),
        (source, "b", 2),
    ):
        monkeypatch.setenv("COMPRESS_WORKERS", str(workers))
        build(photos, tmp_path / directory, max_rejected=3)
        results.append(contents(tmp_path / directory))
    assert results[1:] == results[:1] * 3
    assert not any(str(tmp_path).encode() in data for data in results[0].values())


def test_order_survives_photos_that_take_unequal_time(tmp_path, monkeypatch):
    for number in range(3 * preparing.CHUNK):
        write_photo(tmp_path / f"photos/{number % 2}_{number:03}.png", number, 400 if number < 8 else 8)
    monkeypatch.setenv("COMPRESS_WORKERS", "4")
    build(tmp_path / "photos", tmp_path / "out")
    for split in ("training", "validation"):
        files = [row["file"] for row in rows(tmp_path / "out/files.csv") if row["split"] == split]
        assert files == sorted(files)
        for image, file in zip(open_split(tmp_path / "out", split).images, files, strict=True):
            assert np.array_equal(image, decode((tmp_path / "photos" / file).read_bytes(), SIZE))


def test_the_seed_chooses_the_photos_held_out(tmp_path):
    for number in range(40):
        write_photo(tmp_path / f"photos/{number % 2}_{number:03}.png", number)
    first, again, other = (
        build(tmp_path / "photos", tmp_path / f"out{run}", seed=seed) for run, seed in enumerate((1, 1, 2))
    )
    assert first == again
    assert first.counts == other.counts
    assert first.digests["training.npy"] != other.digests["training.npy"]


def broken(source: Path) -> dict[str, str]:
    """Add a photo of each kind that cannot be used; their names and a part of the reasons."""
    whole = (source / "training/0_0.png").read_bytes()
    (source / "training/0_90.png").write_bytes(b"")
    (source / "training/0_91.png").write_bytes(whole[: len(whole) // 2])
    (source / "testing/0_92.jpg").write_bytes(b"some text")
    write_photo(source / "validation/cover.png", 9)
    return {
        "validation/cover.png": "no class",
        "training/0_90.png": "empty file",
        "training/0_91.png": "truncated",
        "testing/0_92.jpg": "not an image",
    }


def test_rejected_photos_are_listed_and_left_out(source, tmp_path):
    before = build(source, tmp_path / "before")
    expected = broken(source)
    after = build(source, tmp_path / "after", max_rejected=4)
    listed = {row["file"]: row["reason"] for row in rows(tmp_path / "after/rejected.csv")}
    assert listed.keys() == expected.keys()
    for file, reason in expected.items():
        assert reason in listed[file]
    assert after.rejected == 4
    assert (after.counts, after.mean) == (before.counts, before.mean)
    arrays = [f"{split}.npy" for split in SPLITS]
    assert [after.digests[name] for name in arrays] == [before.digests[name] for name in arrays]


def test_a_corrupt_zip_member_is_a_rejected_photo(source, tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for photo in source.rglob("*.png"):
            archive.write(photo, photo.relative_to(source))
    damaged = (source / "training/2_3.png").read_bytes()
    path.write_bytes(path.read_bytes().replace(damaged, damaged[:-20] + bytes(20)))
    manifest = build(path, tmp_path / "out", max_rejected=1)
    [row] = rows(tmp_path / "out/rejected.csv")
    assert row["file"] == "training/2_3.png"
    assert "Bad CRC" in row["reason"]
    assert manifest.counts["training"] == 17


def test_too_many_rejected_photos_end_in_one_line(source, tmp_path):
    broken(source)
    build(source, tmp_path / "out", max_rejected=4)
    good = contents(tmp_path / "out")
    with pytest.raises(UserError) as caught:
        build(source, tmp_path / "out", max_rejected=3, key="pretrain")
    told, listed = str(caught.value), rows(tmp_path / "rejected.csv")
    assert "\n" not in told
    assert "4 photos rejected, pretrain.max_rejected allows 3" in told
    assert f"{listed[0]['file']} ({listed[0]['reason']})" in told
    assert str(tmp_path / "rejected.csv") in told
    assert len(listed) == 4
    assert contents(tmp_path / "out") == good, "what a run before left is still there, and whole"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError, MemoryError, RuntimeError])
@pytest.mark.parametrize("at", ["_load", "_finish"])
def test_whatever_stops_it_what_was_there_stays_and_nothing_else(source, tmp_path, monkeypatch, kind, at):
    build(source, tmp_path / "out")
    good, there = contents(tmp_path / "out"), sorted(tmp_path.iterdir())
    write_photo(source / "training/0_50.png", 50)

    def stop(*_):
        raise kind("stopped")

    monkeypatch.setattr(preparing, at, stop)
    with pytest.raises(kind):
        build(source, tmp_path / "out")
    assert contents(tmp_path / "out") == good
    assert sorted(tmp_path.iterdir()) == there


def test_a_source_that_is_not_understood_leaves_what_was_there(source, tmp_path):
    build(source, tmp_path / "out")
    good, there = contents(tmp_path / "out"), sorted(tmp_path.iterdir())
    write_photo(source / "validation/7_1.png", 50)
    assert "validation has class '7'" in refused(lambda: build(source, tmp_path / "out"))
    assert contents(tmp_path / "out") == good
    assert sorted(tmp_path.iterdir()) == there


def test_what_a_killed_run_left_is_not_taken_for_a_result(source, tmp_path):
    part = tmp_path / ".out.part"
    part.mkdir()
    (part / "training.npy").write_bytes(b"half")
    (part / "more.npy").write_bytes(b"half")
    build(source, tmp_path / "out")
    assert "more.npy" not in contents(tmp_path / "out")
    assert not part.exists()


def test_the_list_of_what_stopped_a_run_goes_when_it_is_mended(source, tmp_path):
    broken(source)
    refused(lambda: build(source, tmp_path / "out"))
    assert len(rows(tmp_path / "rejected.csv")) == 4
    build(source, tmp_path / "out", max_rejected=4)
    assert not (tmp_path / "rejected.csv").exists()


def test_no_run_is_left_without_validation_photos(tmp_path):
    """Where all those held out cannot be read, too."""
    for number in range(8):
        write_photo(tmp_path / f"photos/{number % 2}_{number}.png", number)
    build(tmp_path / "photos", tmp_path / "out")
    for row in rows(tmp_path / "out/files.csv"):
        if row["split"] == "validation":
            (tmp_path / "photos" / row["file"]).write_bytes(row["file"].encode())
    line = refused(lambda: build(tmp_path / "photos", tmp_path / "again", max_rejected=100))
    assert "every validation photo was rejected" in line
    assert len(rows(tmp_path / "rejected.csv")) == 2
    assert not (tmp_path / "again").exists()


def test_a_photo_of_two_classes_that_keeps_validation_empty_is_named(tmp_path):
    for cls in "01":
        write_photo(tmp_path / f"photos/{cls}_1.png", 1)
        write_photo(tmp_path / f"photos/{cls}_2.png", int(cls) + 2)
    line = refused(lambda: build(tmp_path / "photos", tmp_path / "out"))
    assert "none can be held out" in line
    assert "as 0_1.png (same bytes as 1_1.png, of another class)" in line


def test_what_is_not_asked_for_is_listed(source, tmp_path):
    write_photo(source / "album/deep/1.png", 1)
    write_photo(source / "cover.png", 2)
    manifest = build(source, tmp_path / "out")
    listed = rows(tmp_path / "out/left_out.csv")
    assert [row["file"] for row in listed] == ["album/deep/1.png", "cover.png"]
    assert listed[0]["reason"] == "in none of the split folders 'training', 'validation', 'testing'"
    assert (manifest.left_out, manifest.rejected) == (2, 0)


def test_a_table_and_nested_classes_are_read(source, tmp_path):
    for cls in ("Fruit/Apple", "Fruit/Pear", "Nut"):
        for number in range(4):
            write_photo(tmp_path / f"nested/{cls}/{number}.png", len(cls) * 10 + number)
    manifest = build(tmp_path / "nested", tmp_path / "leaf", class_folder="leaf")
    assert manifest.classes == ("Apple", "Nut", "Pear")
    table = tmp_path / "labels.csv"
    table.write_text("file,label\n" + "".join(f"training/{n % 3}_{n // 3}.png,{n % 2}\n" for n in range(10)))
    manifest = build(source, tmp_path / "listed", labels=table)
    assert (manifest.classes, manifest.left_out) == (("0", "1"), 28 - 10)


def test_how_a_source_was_read_is_said_before_it_is_decoded(source, tmp_path, monkeypatch, capsys):
    def decoded(*_):
        assert "3 classes, numbers that begin the files' names, below the splits" in capsys.readouterr().out
        raise KeyboardInterrupt

    monkeypatch.setattr(preparing, "_decode", decoded)
    with pytest.raises(KeyboardInterrupt):
        build(source, tmp_path / "out")


def test_the_classes_of_each_split_are_listed(source, tmp_path):
    (source / "training/2_0.png").write_bytes(b"")
    build(source, tmp_path / "out", max_rejected=1)
    assert rows(tmp_path / "out/classes.csv") == [
        {"class": str(cls), "training": "5" if cls == 2 else "6", "validation": "2", "test": "1"}
        for cls in range(3)
    ]


def test_a_class_without_a_readable_training_photo_ends_in_one_line(source, tmp_path):
    for path in (source / "training").glob("1_*.png"):
        path.write_bytes(b"")
    with pytest.raises(UserError) as caught:
        build(source, tmp_path / "out", max_rejected=100)
    assert "every training photo of class '1' was rejected" in str(caught.value)
    assert str(source) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_manifest_is_plain_json(source, tmp_path):
    build(source, tmp_path / "out")
    text = (tmp_path / "out/manifest.json").read_text()
    assert text.endswith("}\n")
    assert json.loads(text)["counts"] == {"training": 18, "validation": 6, "test": 4}


def test_a_directory_without_a_manifest_is_told_in_one_line(tmp_path):
    for read in (read_manifest, lambda directory: open_split(directory, "training")):
        with pytest.raises(UserError) as caught:
            read(tmp_path)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_name_that_is_no_text_is_listed_byte_for_byte(source, tmp_path):
    name = b"0_caf\xe9,1.png"
    try:
        (source / "training/0_0.png").rename(
            Path(str(source / "training"), name.decode("utf-8", "surrogateescape"))
        )
    except OSError:
        pytest.skip("this file system takes text only")
    build(source, tmp_path / "out")
    assert b'training,"training/' + name + b'",0\n' in (tmp_path / "out/files.csv").read_bytes()


def test_a_slow_reader_is_not_run_away_from(monkeypatch):
    """Photos wait in memory until they are written: their number is bounded however fast the threads are."""

    class AtOnce(Executor):
        def submit(self, function, *args):
            done = Future()
            done.set_result(function(*args))
            return done

    monkeypatch.setenv("COMPRESS_WORKERS", "3")
    loaded = []
    for written, (row, photo) in enumerate(preparing._in_order(AtOnce(), loaded.append, list(range(1000)))):
        assert (row, photo) == (written, None)
        assert len(loaded) - written <= preparing.AHEAD * preparing.CHUNK * 3
    assert loaded == list(range(1000))


def test_memory_does_not_grow_with_the_number_of_photos(source, tmp_path, monkeypatch):
    """Pixels alive at a time: those of the chunks in flight, and of one a thread that is being handed over.

    Photos are counted, since the bytes in use depend on what the threads happen to be at.
    """
    workers, chunk = 2, 3
    monkeypatch.setenv("COMPRESS_WORKERS", str(workers))
    monkeypatch.setattr(preparing, "CHUNK", chunk)
    write_photos(source, per_class=30)
    load, lock, alive, most = preparing._load, threading.RLock(), set(), 0

    def forget(number: int) -> None:
        with lock:
            alive.discard(number)

    def counted(*arguments):
        nonlocal most
        photo = load(*arguments)
        with lock:
            number = next(numbers)
            alive.add(number)
            most = max(most, len(alive))
        weakref.finalize(photo.pixels, forget, number)
        return photo

    numbers = itertools.count()
    monkeypatch.setattr(preparing, "_load", counted)
    build(source, tmp_path / "out")
    assert next(numbers) == 90 + 6 + 4
    assert most <= (preparing.AHEAD + 1) * workers * chunk + 1  # 1: the last one written
    assert not alive
