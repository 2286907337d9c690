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
