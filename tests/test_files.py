"""Outputs appear whole or not at all, and a full disk is one line."""

import errno
import json
import os

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.common import files
from stages.common.errors import UserError
from stages.common.files import read_csv, read_json, whole, write, write_csv, write_json


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("before", [None, "file", "folder"])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_written_appears_at_once(tmp_path, kind, before):
    out = tmp_path / "out"
    if kind == "file" and before == "folder":
        pytest.skip("no output changes its kind")
    if before == "file":
        out.write_text("old")
    if before == "folder":
        out.mkdir()
        (out / "old").write_text("old")
    there = out.exists()
    with whole(out) as part:
        if kind == "folder":
            part.mkdir()
            (part / "new").write_text("new")
        else:
            part.write_text("new")
        assert out.exists() == there
        assert not (out / "new").exists()
    assert names(tmp_path) == ["out"]
    assert (out / "new" if kind == "folder" else out).read_text() == "new"
    assert not (out / "old").exists()


@pytest.mark.parametrize("error", [UserError("no"), KeyboardInterrupt(), OSError(errno.EIO, "broken")])
def test_what_was_there_stays_where_writing_fails(tmp_path, error):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/good").write_text("good")
    with pytest.raises(type(error)), whole(tmp_path / "out") as part:
        part.mkdir()
        (part / "half").write_text("half")
        raise error
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["good"]


def test_what_a_killed_run_left_is_no_part_of_the_next(tmp_path):
    left = tmp_path / ".out.part"
    left.mkdir()
    (left / "stale").write_text("stale")
    with whole(tmp_path / "out") as part:
        part.mkdir()
        (part / "new").write_text("new")
    assert names(tmp_path / "out") == ["new"]


@pytest.mark.parametrize("kind", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_one_line_that_names_the_file_and_the_room(tmp_path, kind):
    with pytest.raises(UserError) as caught, whole(tmp_path / "model", 45_000_000) as part:
        part.write_bytes(bytes(10))
        raise OSError(kind, os.strerror(kind))
    told = str(caught.value)
    assert told.startswith(f"{tmp_path / 'model'}: the disk is full: 45.0 MB or more are needed")
    assert "\n" not in told
    assert names(tmp_path) == []


def test_what_cannot_fit_is_not_begun(tmp_path):
    with pytest.raises(UserError, match="the disk is full"), whole(tmp_path / "model", 10**18) as part:
        part.write_bytes(b"never")
    assert names(tmp_path) == []


def test_nothing_is_put_in_place_when_dvc_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(files.errors, "require_dvc", lambda: (_ for _ in ()).throw(SystemExit(1)))
    with pytest.raises(SystemExit):
        write(tmp_path / "out", "text")
    assert names(tmp_path) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_no_metric(tmp_path, value):
    write_json(tmp_path / "m.json", {"val_accuracy": 0.5})
    with pytest.raises(UserError, match=r"m\.json: val_accuracy is"):
        write_json(tmp_path / "m.json", {"params": 3, "val_accuracy": value})
    assert json.loads((tmp_path / "m.json").read_text()) == {"val_accuracy": 0.5}


def test_names_that_are_no_text_come_back_byte_for_byte(tmp_path):
    write_csv(tmp_path / "t.csv", pd.DataFrame({"file": ["caf\udce9.jpg"], "x": [0.1234567]}))
    assert (tmp_path / "t.csv").read_bytes() == b"file,x\ncaf\xe9.jpg,0.123457\n"


TABLE = b"step,val_accuracy\n0,0.5\n1,\n"
DICT = b'{"val_accuracy": 0.5}\n'


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_damaged_table_or_dict_is_one_line_or_has_what_was_asked_for(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged"
    whole, read = data.draw(
        st.sampled_from(
            [
                (TABLE, lambda: read_csv(path, ("step", "val_accuracy"))),
                (DICT, lambda: read_json(path, ["val_accuracy"])),
            ]
        )
    )
    at = data.draw(st.integers(0, len(whole)))
    path.write_bytes(
        whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 9)) :]
    )
    try:
        assert "val_accuracy" in read()
    except UserError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        assert "dvc" in str(error)


def test_a_missing_table_or_dict_is_one_line(tmp_path):
    for read in (read_csv, read_json):
        with pytest.raises(UserError, match="does not exist"):
            read(tmp_path / "nowhere")
