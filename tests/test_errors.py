"""How a stage ends: one line for what a user can mend, and no life without the DVC that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.common import errors
from stages.common.errors import UserError
from tests.graph import ROOT


def ended(capsys, main) -> tuple[int, str]:
    """Exit code and stderr of a stage."""
    with pytest.raises(SystemExit) as stop:
        errors.run(main)
    return stop.value.code, capsys.readouterr().err


def raising(error: BaseException):
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (UserError("a.csv: no numbers\nin it"), 1, "error: a.csv: no numbers in it"),
        (PermissionError(13, "Permission denied", "models/cnn"), 1, "error: models/cnn: Permission denied"),
        (OSError(5, "Input/output error"), 1, "error: Input/output error"),
        (KeyboardInterrupt(), 130, "stopped; the same command goes on from here"),
        (MemoryError(), 1, "error: out of memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 1 bytes"), 1, "error: out of memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), 1, "error: out of memory"),
    ],
)  # fmt: skip
def test_what_a_user_can_mend_is_one_line(capsys, error, code, told):
    said = ended(capsys, raising(error))
    assert said[0] == code
    assert said[1].startswith(told)
    assert said[1].count("\n") == 1


def test_a_fault_of_ours_is_not_hidden():
    with pytest.raises(RuntimeError, match="shapes"):
        errors.run(raising(RuntimeError("shapes differ")))


STAGE = """
import sys, time
from stages.common import errors
def main():
    print("started", flush=True)
    time.sleep(60)
errors.run(main)
"""


def test_a_stage_stops_when_its_dvc_is_gone(tmp_path):
    """A shell may stand between the two, as where DVC runs `cmd` by `sh -c`."""
    script = tmp_path / "stage.py"
    script.write_text(STAGE)
    environment = os.environ | {"DVC_STAGE": "prepare", "PYTHONPATH": str(ROOT)}
    dvc = (
        "import subprocess, sys; "
        f"subprocess.run(['sh', '-c', '{sys.executable} {script}; true'], stdout=open('{tmp_path}/out', 'w'), "
        f"stderr=open('{tmp_path}/err', 'w'))"
    )
    parent = subprocess.Popen([sys.executable, "-c", dvc], env=environment)
    wait(lambda: (tmp_path / "out").exists() and "started" in (tmp_path / "out").read_text())
    parent.kill()
    parent.wait()
    wait(lambda: not running(script))
    assert "dvc was stopped" in (tmp_path / "err").read_text()


def test_a_stage_stops_when_its_dvc_goes_while_it_imports(tmp_path):
    """As `python -m stages.x` does it: the watch begins before the imports that take seconds."""
    code = "import sys, time; sys.argv = ['-m']; import stages; print('started', flush=True); time.sleep(60)"
    script = tmp_path / "importing.py"
    script.write_text(code)
    dvc = f"import subprocess, sys; subprocess.run([sys.executable, '{script}'], stdout=open('{tmp_path}/out', 'w'))"
    environment = os.environ | {"DVC_STAGE": "prepare", "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", dvc], env=environment, stderr=subprocess.DEVNULL)
    wait(lambda: (tmp_path / "out").exists() and "started" in (tmp_path / "out").read_text())
    parent.kill()
    parent.wait()
    wait(lambda: not running(script))


def wait(done, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def running(script: Path) -> bool:
    """Whether a Python runs this file."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(script).encode() in words:
            return True
    return False


def test_ctrl_c_is_one_line_whenever_it_comes(tmp_path):
    script = tmp_path / "stage.py"
    script.write_text(STAGE)
    stage = subprocess.Popen(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stage.stdout.readline()
    stage.send_signal(signal.SIGINT)
    _, said = stage.communicate(timeout=20)
    assert (stage.returncode, said) == (130, "stopped; the same command goes on from here\n")
    early = subprocess.Popen(
        [sys.executable, "-c", "import sys, time; sys.argv = ['-m']; import stages; print(flush=True); time.sleep(60)"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    early.stdout.readline()
    early.send_signal(signal.SIGINT)
    _, said = early.communicate(timeout=20)
    assert (early.returncode, said) == (-signal.SIGINT, "")


def test_a_process_that_works_for_a_stage_ends_with_it(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(
        "import multiprocessing, os, sys, time\n"
        "from stages.common import errors\n"
        "def work():\n    errors.in_worker()\n    print(os.getpid(), flush=True)\n    time.sleep(60)\n"
        "if __name__ == '__main__':\n    multiprocessing.Process(target=work).start()\n    time.sleep(60)\n"
    )
    stage = subprocess.Popen(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    worker = int(stage.stdout.readline())
    stage.kill()
    stage.wait()
    wait(lambda: not alive(worker))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
