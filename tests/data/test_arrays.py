"""The prepared arrays: what was written is what is read, and one changed byte is told."""

import json
import random
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.common.data.arrays import (
    SPLITS,
    ArrayWriter,
    Manifest,
    digest,
    open_split,
    read_manifest,
    require_whole,
)
from stages.common.errors import UserError
from tests.data.making import refused

LABELS = {"training": [0, 1, 1, 0], "validation": [1, 0], "test": []}
ARRAYS = [f"{split}{kind}.npy" for split in SPLITS for kind in ("", "_labels")]


@pytest.fixture
def directory(tmp_path) -> Path:
    """A prepared data set of 4, 2 and 0 photos of 4 pixels."""
    for split, labels in LABELS.items():
        with ArrayWriter(tmp_path / f"{split}.npy", (4, 4, 3)) as array:
            array.extend(
                np.random.default_rng(len(labels)).integers(0, 256, (len(labels), 4, 4, 3), np.uint8)
            )
        np.save(tmp_path / f"{split}_labels.npy", np.array(labels, np.int64))
    (tmp_path / "files.csv").write_text("split,file,label\ntraining,a.jpg,0\n")
    counts = {split: len(labels) for split, labels in LABELS.items()}
    digests = {path.name: digest(path) for path in tmp_path.iterdir()}
    manifest = Manifest(("a", "b"), 4, counts, (0.5,) * 3, (0.25,) * 3, 0, 0, 0, 0, digests)
    (tmp_path / "manifest.json").write_text(json.dumps(asdict(manifest)))
    return tmp_path


# -- ArrayWriter --


@pytest.mark.parametrize(("shape", "kind"), [((), np.int64), ((3,), np.float32), ((4, 4, 3), np.uint8)])
@pytest.mark.parametrize("parts", [[], [1], [2, 1, 0, 4], [1000]])
def test_an_appended_array_is_the_file_that_numpy_saves(tmp_path, shape, kind, parts):
    items = (np.random.default_rng(0).random((sum(parts), *shape)) * 200).astype(kind)
    np.save(tmp_path / "at once.npy", items)
    with ArrayWriter(tmp_path / "appended.npy", shape, kind) as array:
        for part in np.split(items, np.cumsum(parts)[:-1]) if parts else []:
            if len(part) == 1:
                array.append(part[0])
            else:
                array.extend(part)
    assert (tmp_path / "appended.npy").read_bytes() == (tmp_path / "at once.npy").read_bytes()


def test_an_array_that_is_not_transposed_in_memory_is_written_as_it_reads(tmp_path):
    items = np.arange(12, dtype=np.uint8).reshape(3, 4).T
    with ArrayWriter(tmp_path / "a.npy", (3,)) as array:
        array.extend(items)
    assert np.array_equal(np.load(tmp_path / "a.npy"), items)


def test_an_array_whose_writing_failed_claims_no_items(tmp_path):
    with pytest.raises(RuntimeError), ArrayWriter(tmp_path / "a.npy", (3,)) as array:
        array.append(np.zeros(3, np.uint8))
        raise RuntimeError
    assert len(np.load(tmp_path / "a.npy")) == 0


# -- open_split --


def test_a_split_is_what_was_written(directory):
    for split, labels in LABELS.items():
        images, found = open_split(directory, split)
        assert isinstance(images, np.memmap)
        assert not images.flags.writeable
        assert found.tolist() == labels
        assert images.shape == (len(labels), 4, 4, 3)


@pytest.mark.parametrize("name", ARRAYS)
def test_one_flipped_bit_anywhere_in_an_array_is_told(directory, name):
    path, split = directory / name, name.split(".")[0].split("_")[0]
    whole, draw = path.read_bytes(), random.Random(0)
    for at in {0, len(whole) - 1, *draw.choices(range(len(whole)), k=40)}:
        changed = bytearray(whole)
        changed[at] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        line = refused(lambda: open_split(directory, split))
        assert line.startswith(f"{path}: damaged: not what {directory}/manifest.json vouches for; delete it")
    path.write_bytes(whole)
    open_split(directory, split)


@pytest.mark.parametrize("name", [*ARRAYS, "files.csv"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda path: path.unlink(), "does not exist; run `dvc repro` to prepare the data"),
        (lambda path: (path.unlink(), path.mkdir()), "does not exist; run `dvc repro`"),
        (lambda path: path.write_bytes(b""), "damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "damaged"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[::-1]), "damaged"),
    ],
)
def test_a_file_that_is_not_whole_is_told(directory, name, change, told):
    manifest = read_manifest(directory)
    require_whole(directory, name, manifest)
    change(directory / name)
    assert refused(lambda: require_whole(directory, name, manifest)).startswith(f"{directory / name}: {told}")


def test_the_arrays_of_two_preparations_do_not_mix(directory):
    """A data set's file in the place of another's, though whole in itself."""
    (directory / "training.npy").write_bytes((directory / "validation.npy").read_bytes())
    assert "training.npy: damaged" in refused(lambda: open_split(directory, "training"))
    open_split(directory, "validation")


def test_a_file_that_no_manifest_lists_is_not_vouched_for(directory):
    (directory / "more.csv").touch()
    assert "damaged" in refused(lambda: require_whole(directory, "more.csv", read_manifest(directory)))


# -- the manifest --


def test_no_manifest_is_told(tmp_path):
    line = refused(lambda: read_manifest(tmp_path))
    assert line == f"{tmp_path}/manifest.json: does not exist; run `dvc repro` to prepare the data"
    assert refused(lambda: open_split(tmp_path, "training")) == line


KEYS = list(Manifest.__dataclass_fields__)


@pytest.mark.parametrize(
    "change",
    [
        *({key: ...} for key in KEYS),
        *({key: None} for key in KEYS),
        *({key: "1"} for key in KEYS),
        *({"more": 1}, {"image_size": 4.5}, {"image_size": True}, {"classes": [1, 2]}, {"classes": "ab"}),
        *({"counts": {"training": 4, "validation": 2}}, {"counts": {split: "4" for split in SPLITS}}),
        *({"mean": [0.5, 0.5]}, {"std": [0.5] * 4}, {"mean": [float("nan")] * 3}, {"digests": {"a": 1}}),
    ],
    ids=str,
)
def test_a_manifest_of_something_else_is_told(directory, change):
    facts = json.loads((directory / "manifest.json").read_text()) | change
    text = json.dumps({key: value for key, value in facts.items() if value is not ...})
    (directory / "manifest.json").write_text(text)
    line = refused(lambda: open_split(directory, "training"))
    assert line == f"{directory}/manifest.json: not as `prepare` wrote it; run `dvc repro --force prepare`"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b"<!doctype html>", b"\0" * 99]
)
def test_a_manifest_that_is_no_json_is_told(directory, content):
    (directory / "manifest.json").write_bytes(content)
    assert "not as `prepare` wrote it; run" in refused(lambda: read_manifest(directory))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(at=st.integers(0, 10**6), cut=st.integers(0, 40), inserted=st.binary(max_size=6))
def test_a_manifest_of_any_content_is_one_line_or_holds_what_it_says(tmp_path_factory, at, cut, inserted):
    folder = tmp_path_factory.getbasetemp() / "damaged data"
    folder.mkdir(exist_ok=True)
    facts = {"classes": ["a", "b"], "image_size": 8, "counts": {}, "mean": [0.5] * 3, "std": [0.1] * 3}
    facts |= {"rejected": 0, "duplicated": 0, "dropped": 0, "left_out": 0, "digests": {}}
    whole = json.dumps(facts).encode()
    at %= len(whole)
    (folder / "manifest.json").write_bytes(whole[:at] + inserted + whole[at + cut :])
    try:
        assert all(isinstance(name, str) for name in read_manifest(folder).classes)
    except UserError as error:
        assert "manifest.json" in str(error)
        assert "\n" not in str(error)
