"""What each stage does on a full disk: `python tests/full_disk.py`, on Linux; no part of the test run.

Runs the pipeline at the settings of tiny.yaml in a clone on a small file system of its own (a tmpfs in a user
namespace), then each of ten stages by hand with next to no room left. Each must end with one line that names a
file and leave what was there; with room again it must run. Prints a line a stage; exit code 1 if one does not.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

STAGES = (
    *("sample", "prepare", "pretrain", "train_student", "soft_labels scratch", "distill scratch"),
    *("quantize student", "export_onnx", "export_final", "evaluate", "report"),
)
INSIDE = "COMPRESS_FULL_DISK"  # set in the namespace: the folder that the small file system is mounted on


def digests(folder: Path) -> dict[str, bytes]:
    """Every output's bytes, but for DVC's own."""
    names = ("data", "models", "metrics", "plots")
    files = (path for name in names for path in sorted((folder / name).rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def stage(folder: Path, name: str) -> subprocess.CompletedProcess:
    words = [sys.executable, "-m", *f"stages.{name}".split()]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def checked(folder: Path, name: str) -> str | None:
    """What is wrong with a stage on a full disk, None where nothing is."""
    before = digests(folder)
    room = shutil.disk_usage(folder).free
    fill = folder / "fill"
    with fill.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room)
    done = stage(folder, name)
    fill.unlink()
    said = [line for line in done.stderr.splitlines() if line]
    print(f"{name}: exit code {done.returncode}: {' | '.join(said)}", flush=True)
    if done.returncode != 1 or len(said) != 1 or "the disk is full" not in done.stderr:
        return "not one line about the disk"
    if digests(folder) != before:
        return "what was there is not there any more"
    again = stage(folder, name)
    if again.returncode:
        return f"does not run with room again: {again.stderr[-300:]}"
    return None


def main() -> None:
    mounted = os.environ.get(INSIDE)
    if not mounted:
        with tempfile.TemporaryDirectory() as folder:
            script = 'mount -t tmpfs -o size=3g tmpfs "$0" && exec "$1" "$2"'
            words = ["unshare", "-rm", "sh", "-c", script, folder, sys.executable, __file__]
            sys.exit(subprocess.run(words, env=os.environ | {INSIDE: folder}, check=False).returncode)
    from tests.test_pipeline import Clone

    clone = Clone(Path(mounted) / "clone")
    clone("dvc", "repro")
    wrong = {name: found for name in STAGES if (found := checked(clone.folder, name))}
    for name, found in wrong.items():
        print(f"wrong: {name}: {found}")
    print(f"{len(STAGES) - len(wrong)} of {len(STAGES)} stages as they should")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
