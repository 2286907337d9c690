"""The machine's settings, from environment variables: they never change a stage's identity.

COMPRESS_DEVICE     "cpu", "cuda", "cuda:1", ...   default: a GPU where there is one
COMPRESS_PRECISION  "fp32" or "bf16"               default: bf16 on a GPU, fp32 on a CPU
COMPRESS_WORKERS    threads, a whole number >= 1   default: the cores this process may use
"""

import os

from stages.common.errors import UserError


def workers() -> int:
    """Threads to use, for decoding photos and for arithmetic on a CPU."""
    text = os.environ.get("COMPRESS_WORKERS")
    if text is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdigit() or int(text) < 1:
        raise UserError(f"COMPRESS_WORKERS={text}: expected a whole number >= 1")
    return int(text)


def device() -> str:
    """The device to compute on. Also sets torch up for it: threads, and kernels that repeat exactly."""
    import torch  # here, so that stages without arithmetic start at once

    torch.set_num_threads(workers())
    torch.backends.cudnn.deterministic = True
    name = os.environ.get("COMPRESS_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"COMPRESS_DEVICE={name}: not usable here ({reason}); leave it unset or use cpu"
        ) from None
    return name


def autocast(device: str):
    """The context to run a network in: bf16 on a GPU, plain fp32 on a CPU, unless COMPRESS_PRECISION says."""
    import torch

    kind = torch.device(device).type
    precision = os.environ.get("COMPRESS_PRECISION") or ("fp32" if kind == "cpu" else "bf16")
    if precision not in ("fp32", "bf16"):
        raise UserError(f"COMPRESS_PRECISION={precision}: expected fp32 or bf16")
    return torch.autocast(kind, torch.bfloat16, enabled=precision == "bf16")
