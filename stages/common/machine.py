"""The machine: its name, and its settings: environment variables, which are no part of a stage's identity.

COMPRESS_DEVICE     "cpu", "cuda", "cuda:1", ...   default: a GPU where there is one
COMPRESS_PRECISION  "fp32" or "bf16"               default: bf16 on a GPU, fp32 on a CPU
COMPRESS_WORKERS    threads, a whole number >= 1   default: the cores this process may use

They do change how sums are rounded, so every network records those it was trained with, and results of
different ones are never put together.
"""

import os
import platform
import re
from pathlib import Path

from stages.common.errors import UserError, printable

MOST = 1024  # threads


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers() -> int:
    """Threads to use, for decoding photos and for arithmetic on a CPU."""
    text = os.environ.get("COMPRESS_WORKERS")
    if text is None:
        return cores()
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= MOST:
        raise UserError(f"COMPRESS_WORKERS={printable(text)}: expected a whole number from 1 to {MOST:,}")
    return int(text)


def device() -> str:
    """The device to compute on. Also sets torch up for it: threads, and kernels that repeat exactly."""
    import torch  # here, so that stages without arithmetic start at once

    torch.set_num_threads(workers())
    torch.backends.cudnn.deterministic = True
    name = os.environ.get("COMPRESS_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:\d{1,3})?", name):
        raise UserError(f"COMPRESS_DEVICE={printable(name)}: expected cpu, cuda, cuda:1, ... or mps")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"COMPRESS_DEVICE={name}: not usable here ({reason}); leave it unset or use cpu"
        ) from None
    return name


def precision(device: str) -> str:
    """ "fp32" or "bf16": what networks compute in on this device."""
    chosen = os.environ.get("COMPRESS_PRECISION") or ("fp32" if device.startswith("cpu") else "bf16")
    if chosen not in ("fp32", "bf16"):
        raise UserError(f"COMPRESS_PRECISION={chosen}: expected fp32 or bf16")
    return chosen


def autocast(device: str):
    """The context to run a network in, at this machine's precision."""
    import torch

    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision(device) == "bf16")


def settings() -> dict[str, str | int]:
    """What rounds results here: device (a GPU by its name), precision, threads, and torch's version."""
    import torch

    name = device()
    on_gpu = torch.device(name).type == "cuda"
    return {
        "device": torch.cuda.get_device_name(name) if on_gpu else name,
        "precision": precision(name),
        "threads": 0 if on_gpu else workers(),  # on a GPU they round nothing
        "torch": torch.__version__.partition("+")[0],
    }


_HOW = {
    "device": "go on with such a device (COMPRESS_DEVICE chooses one)",
    "precision": "set COMPRESS_PRECISION to the former",
    "threads": "set COMPRESS_WORKERS to the former",
}


def require_same(path: Path | str, recorded: dict[str, str | int]) -> None:
    """Raises `UserError` where a network was made with other settings than these here; {} says nothing."""
    here = settings()
    for key, how in _HOW.items():
        if recorded and recorded[key] != here[key]:
            raise UserError(
                f"{path}: made with {key} {recorded[key]}, while here it is {here[key]}, and results of both "
                f"are not put together; {how}, or run all anew by `dvc repro --force`"
            )


def name() -> str:
    """This machine in words: processor, GPU, cores, system."""
    text = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        text = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), text)
    except OSError:
        pass  # not Linux
    import torch

    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{text}{gpu}, {cores()} cores, {platform.system()}"
