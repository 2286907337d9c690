"""What a killed DVC leaves behind: what is mended, what is left alone, and that nothing runs twice after it."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages import mend
from stages.common.errors import UserError
from tests.graph import ROOT

GONE = 2**22 + 1  # no process has this number
PIPELINE = """stages:
  first:
    cmd: echo first >> ran.txt; mkdir -p out; cp a out/x; cp a b; cp a m.json
    deps: [a]
    params: [p]
    outs: [b, out]
    metrics: [m.json: {cache: false}]
  second:
    cmd: echo second >> ran.txt; cp b c
    deps: [b, out]
    outs: [c]
"""


def entry(name: str, md5: str = "0" * 32) -> str:
    """An entry of dvc.lock, of a file and a folder."""
    return (
        f"  {name}:\n    cmd: cp a {name}\n    deps:\n    - path: a\n      hash: md5\n      md5: {'1' * 32}\n"
        f"      size: 123\n    params:\n      params.yaml:\n        p: 1\n    outs:\n    - path: {name}\n"
        f"      hash: md5\n      md5: {md5}.dir\n      size: 45\n      nfiles: 6\n"
    )


WHOLE = mend.HEADER + "".join(map(entry, ("one", "two", "three")))


def holder(number: int) -> dict[str, object]:
    return {"pid": number, "cmd": "dvc repro"}


def git(*words: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words], check=True)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder that DVC has run in."""
    monkeypatch.chdir(tmp_path)
    mend.EXPERIMENTS.mkdir(parents=True)
    (mend.TMP / "lock").write_text(f" {GONE}\n")
    return tmp_path


@pytest.fixture
def commit(folder):
    """Commits files; git's last commit."""
    git("init", "-q", "-b", "main")

    def commit(*names: str) -> None:
        git("add", *names)
        git("commit", "-q", "-m", "x")

    return commit


def said(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_is_said_and_no_dvc_imported_where_all_is_well(folder):
    (folder / "dvc.lock").write_text(WHOLE)
    write(mend.TMP / "rwlock", "{}")
    code = "import sys; from stages import mend; mend.mend(); sys.exit('dvc' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_folder_without_dvc_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mend.mend()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", '{"write": {"/a": {"pid"', "[]", '{"other": {}}', "\0" * 20])
@pytest.mark.parametrize("name", ["rwlock", "exps/rwlock"])
def test_a_broken_list_of_readers_and_writers_is_deleted(folder, capsys, name, text):
    path = write(mend.TMP / name, text)
    mend.mend()
    assert said(capsys) == [f".dvc/tmp/{name}: deleted, it was cut off"]
    assert not path.exists()
    mend.mend()
    assert said(capsys) == []


def test_one_that_names_only_what_is_gone_is_deleted(folder, capsys):
    write(mend.TMP / "rwlock", json.dumps({"write": {"/a": holder(GONE)}, "read": {"/b": [holder(GONE)]}}))
    mend.mend()
    assert said(capsys) == [".dvc/tmp/rwlock: deleted, it named processes that are gone"]


def test_a_number_that_another_process_has_by_now_is_of_one_that_is_gone(folder, capsys):
    path = write(mend.TMP / "rwlock", json.dumps({"write": {"/a": holder(os.getpid())}}))
    os.utime(path, (1e9, 1e9))  # long before this process started
    mend.mend()
    assert not path.exists()


@pytest.mark.parametrize(
    "name, text",
    [
        ("lock", f" {os.getpid()}\n"),
        ("rwlock", json.dumps({"read": {"/a": [holder(os.getpid())]}})),
        ("exps/rwlock", json.dumps({"write": {"/a": holder(os.getpid())}})),
    ],
    ids=["lock", "rwlock", "queue's rwlock"],  # the numbers differ between the workers of one test run
)
def test_nothing_is_touched_while_another_dvc_is_at_work(folder, capsys, name, text):
    path = write(mend.TMP / name, text)
    write(mend.LOCK, "")
    part = write(folder / "models/.cnn.part/x", "x")
    mend.mend()
    with pytest.raises(UserError, match="at work"):
        mend.clean()
    assert said(capsys) == []
    assert (mend.LOCK.read_text(), part.exists(), path.read_text()) == ("", True, text)


@pytest.mark.parametrize("name", ["lock", "rwlock.lock", "exps/rwlock.lock"])
def test_a_lock_that_is_held_is_not_waited_for(folder, capsys, name):
    write(mend.LOCK, "")
    with (mend.TMP / name).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        mend.mend()
        assert mend.LOCK.exists()
    mend.mend()
    assert not mend.LOCK.exists()


def test_of_a_lock_cut_anywhere_the_whole_entries_stay(folder, monkeypatch):
    monkeypatch.setattr(mend, "_committed", lambda path: b"")  # git takes its time
    ends = [0, *(len(mend.HEADER + "".join(map(entry, ("one", "two", "three")[:n]))) for n in (1, 2, 3))]
    for size in range(len(WHOLE)):
        write(mend.LOCK, WHOLE[:size])
        mend.mend()
        left = mend.LOCK.read_text() if mend.LOCK.exists() else ""
        # Spaces at the end may be of the next entry or of the last one, which then goes too.
        whole = [end for end in ends if end <= len(WHOLE[:size].rstrip(" ")) - WHOLE[:size].endswith(" ")]
        # One that lost whole lines may stay, but not without the size of a sum: all else DVC finds to be missing.
        as_it_was = left == WHOLE[:size] and mend._valid(left) and not mend.CUT.search(left)
        assert left == WHOLE[: whole[-1]] or as_it_was, size
        mend.mend()
        assert (mend.LOCK.read_text() if mend.LOCK.exists() else "") == left


def test_lost_entries_are_the_commits_where_the_run_cache_does_not_know_them(folder, commit, capsys):
    write(mend.LOCK, WHOLE)
    commit("dvc.lock")
    write(mend.LOCK, mend.HEADER + entry("new") + entry("two", "2" * 32) + entry("three")[:-9])
    mend.mend()
    assert said(capsys) == ["dvc.lock: was cut off; 2 stages kept, 2 taken from the last commit"]
    assert mend.LOCK.read_text() == mend.HEADER + entry("one") + entry("two", "2" * 32) + entry(
        "three"
    ) + entry("new")


def test_of_a_stage_that_the_run_cache_knows_the_outputs_are_left_to_it(folder, commit, monkeypatch):
    write(mend.LOCK, WHOLE)
    commit("dvc.lock")
    write(mend.LOCK, "")
    monkeypatch.setattr(mend, "_known", lambda text: text.startswith("  two"))
    mend.mend()
    without = entry("two").partition("    outs:")[0]
    assert mend.LOCK.read_text() == mend.HEADER + entry("one") + without + entry("three")
    assert mend._sound(mend.LOCK.read_bytes())


def test_a_conflict_of_a_merge_is_the_users(folder, capsys):
    text = WHOLE.replace(
        "    cmd: cp a two\n", "<<<<<<< HEAD\n    cmd: a\n=======\n    cmd: b\n>>>>>>> other\n"
    )
    write(mend.LOCK, text)
    mend.mend()
    assert (mend.LOCK.read_text(), said(capsys)) == (text, [])


@pytest.mark.parametrize(
    "text",
    [
        WHOLE + "datasets: []\n",
        mend.HEADER + "  only:\n    cmd: ls\n",
        mend.HEADER + "  web:\n    cmd: ls\n    deps:\n    - path: https://example.org\n      etag: x\n",
    ],
)
def test_other_sound_locks_are_left_alone(folder, capsys, text):
    write(mend.LOCK, text)
    mend.mend()
    assert (mend.LOCK.read_text(), said(capsys)) == (text, [])


def run_cache(name: str, text: str) -> Path:
    return write(mend.RUNS / "ab" / ("ab" * 32) / name, text)


ENTRY = "".join(line[4:] for line in entry("one").splitlines(keepends=True)[1:])


def test_broken_entries_of_the_run_cache_are_deleted(folder, capsys):
    whole = run_cache("c" * 64, ENTRY)
    for number, size in enumerate((0, 5, 40, len(ENTRY) - 10)):
        run_cache(f"{number}" * 64, ENTRY[:size])
    run_cache(".x5Gd_-a.tmp", ENTRY)  # what is not renamed yet has no results in the cache
    mend.mend()
    assert list(whole.parent.iterdir()) == [whole]
    assert len(said(capsys)) == 5


def test_a_folder_without_an_entry_goes_too(folder):
    path = run_cache(".x5Gd_-a.tmp", "")
    mend.mend()
    assert not path.parent.exists()


def test_an_empty_params_file_is_taken_from_the_last_commit(folder, commit, capsys):
    write(mend.PARAMS, "p: 1\n")
    commit("params.yaml")
    write(mend.PARAMS, "p: [")  # its user is at it
    mend.mend()
    assert (mend.PARAMS.read_text(), said(capsys)) == ("p: [", [])
    write(mend.PARAMS, "")
    mend.mend()
    assert mend.PARAMS.read_text() == "p: 1\n"
    assert said(capsys) == ["params.yaml: was empty; taken from the last commit"]


def test_an_experiment_with_a_broken_record_leaves_the_queue(folder, capsys):
    body = base64.b64encode(b'[[{"stash_rev": "abc"}]]').decode()
    names = ("celery/broker/in/1.msg", "celery/broker/processed/2.msg", "celery/broker/in/3.msg")
    bodies = (body, body, base64.b64encode(b"[]").decode())
    ours, done, other = (
        write(mend.EXPERIMENTS / name, json.dumps({"body": text}))
        for name, text in zip(names, bodies, strict=True)
    )
    record = write(mend.EXPERIMENTS / "run/abc/abc.run", "")
    control = write(mend.EXPERIMENTS / "celery/broker/control/celery.exchange", '[["cel')
    mend.mend()
    assert [path.exists() for path in (record, control, ours, done, other)] == [False] * 4 + [True]
    assert len(said(capsys)) == 2


def test_the_queue_is_left_alone_while_a_worker_runs(folder, capsys):
    write(mend.EXPERIMENTS / "celery/worker.pid", str(os.getpid()))
    record = write(mend.EXPERIMENTS / "run/abc/abc.run", "")
    entry = run_cache(".x5Gd_-a.tmp", "")
    rwlock = write(mend.TMP / "rwlock", "")
    mend.mend()
    assert [path.exists() for path in (record, entry, rwlock)] == [True, True, False]


def test_unfinished_outputs_are_deleted_and_others_stay(folder, capsys):
    parts = [
        folder / "models/.cnn.part/x",
        folder / "metrics/.cnn.json.part",
        folder / "data/.cnn.old.part/y",
    ]
    parts.append(folder / "plots/.vo23ezD75Kj_fRopr-8tgg.tmp")  # DVC's
    kept = [folder / "models/cnn/x", folder / "metrics/cnn.json", folder / "models/cnn/.x.part"]
    kept += [folder / "data/mine.tmp", folder / "data/.mine.tmp", folder / "data/cnn/x"]
    for path in parts + kept:
        write(path, "x")
    mend.mend()
    assert [path.exists() for path in parts + kept] == [False] * 4 + [True] * 6
    assert said(capsys)[0] == "data/.cnn.old.part: deleted, an output that was not finished"


def test_an_output_that_was_moved_out_of_the_way_comes_back(folder, capsys):
    write(folder / "models/.cnn.old.part/x", "good")
    mend.mend()
    assert (folder / "models/cnn/x").read_text() == "good"
    assert said(capsys) == ["models/cnn: put back, a stage was killed as it replaced it"]


def test_clean_deletes_what_was_left_behind_and_says_how_much_it_was(folder, capsys):
    write(folder / ".scratch/train-1/net.safetensors", "x" * 2_000_000)
    write(folder / "models/.cnn.part", "x" * 1_000_000)
    kept = [
        write(folder / name, "x") for name in ("models/cnn/model", "dvc.lock", ".dvc/cache/files/md5/ab/cd")
    ]
    write(folder / ".dvc/cache/files/md5/ab/.x.tmp", "x" * 500_000)
    mend.clean()
    assert said(capsys) == ["clean: 3.5 MB freed: .scratch, models/.cnn.part, .dvc/cache/files/md5/ab/.x.tmp"]
    assert all(path.exists() for path in kept)
    mend.clean()
    assert said(capsys) == ["clean: nothing was left behind"]


# From here on with DVC itself.


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A repository of two stages that have run."""
    folder = tmp_path_factory.mktemp("finished")
    for name, text in {"dvc.yaml": PIPELINE, "params.yaml": "p: 1\n", "a": "a\n"}.items():
        write(folder / name, text)
    for words in ("git init -q", "dvc init -q", "git add --all"):
        subprocess.run(words.split(), cwd=folder, check=True)
    dvc(folder, "repro")
    return folder


@pytest.fixture
def here(finished, tmp_path, monkeypatch) -> Path:
    """A copy of it, to break."""
    folder = tmp_path / "here"
    shutil.copytree(finished, folder, symlinks=True)
    monkeypatch.chdir(folder)
    (folder / "ran.txt").unlink()
    return folder


def dvc(folder: Path, *words: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "DVC_"))}
    done = subprocess.run(["dvc", *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def all_is_as_before(here: Path, finished: Path) -> None:
    """`dvc repro` works, runs nothing again and ends with the same dvc.lock."""
    mend.mend()
    dvc(here, "repro")
    assert not (here / "ran.txt").exists()
    assert (here / "dvc.lock").read_bytes() == (finished / "dvc.lock").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("step", range(8))
def test_a_lock_cut_anywhere_is_mended(here, finished, step):
    whole = (finished / "dvc.lock").read_bytes()
    (here / "dvc.lock").write_bytes(whole[: len(whole) * step // 8])
    all_is_as_before(here, finished)


@pytest.mark.slow
def test_a_lock_cut_behind_a_sum_without_its_size_is_mended(here, finished):
    """DVC would take the one for whole, and run a stage again where the sum itself is cut."""
    whole = (finished / "dvc.lock").read_text()
    (here / "dvc.lock").write_text(whole[: whole.rindex("      size:")])
    all_is_as_before(here, finished)


@pytest.mark.slow
def test_a_commit_of_other_results_runs_nothing_again(here, finished):
    """As in a clone whose results were made elsewhere: its outputs are not in the cache here."""
    whole = (finished / "dvc.lock").read_text()
    (here / "dvc.lock").write_text(whole.replace("md5: 60b725f10c9c85c70d97880dfe8191b3", f"md5: {'0' * 32}"))
    git("add", "dvc.lock")
    git("commit", "-q", "-m", "elsewhere")
    (here / "dvc.lock").write_text("")
    all_is_as_before(here, finished)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", '{"write": {"', json.dumps({"write": {"/a": holder(GONE)}})])
def test_broken_readers_and_writers_are_mended(here, finished, text):
    (here / ".dvc/tmp/rwlock").write_text(text)
    (here / "c").unlink()
    all_is_as_before(here, finished)


@pytest.mark.slow
@pytest.mark.parametrize("step", range(3))
def test_what_was_not_yet_an_entry_of_the_run_cache_is_mended(here, finished, step):
    for path in [path for path in mend.RUNS.glob("*/*/*")]:
        data = path.read_bytes()
        path.with_name(".x5Gd_-a.tmp").write_bytes(data[: len(data) * (step + 1) // 3])
    (mend.RUNS / "ab" / ("ab" * 32)).mkdir(parents=True)
    (here / "dvc.lock").unlink()
    all_is_as_before(here, finished)


@pytest.mark.slow
def test_a_folder_of_the_run_cache_without_an_entry_is_mended(here):
    for path in [path for path in mend.RUNS.glob("*/*/*")]:
        path.unlink()
    (here / "dvc.lock").unlink()
    mend.mend()
    dvc(here, "repro")
    assert (here / "ran.txt").read_text() == "first\nsecond\n"
