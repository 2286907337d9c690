"""Which code, parameters and photos results come from, the seed apart: what seeds may be compared over."""

import functools
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import yaml

from stages.common.errors import UserError
from stages.common.evidence.catalogue import REFERENCE_RATES

Reader = Callable[[str], bytes]  # a file's content by its path; FileNotFoundError where it does not exist
SHOWING = {"latency", "report"}  # stages that show results and decide none of them


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # dvc.lock is long
    """YAML 1.2 floats, as DVC reads and writes them."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def workspace(path: str) -> bytes:
    """A `Reader` of the working tree."""
    return Path(path).read_bytes()


def stages_of(read: Reader) -> dict[str, dict]:
    """The entries of dvc.lock that decide figures and belong to the graph: DVC keeps those of earlier rates.

    Raises `UserError` where such a stage has never run.
    """
    graph, lock, params = (_yaml(read, name) for name in ("dvc.yaml", "dvc.lock", "params.yaml"))
    deciding = set(graph["stages"]) - SHOWING
    rates = {*REFERENCE_RATES, str(params["prune"]["rate"])}

    def current(name: str) -> bool:
        stage, _, item = name.partition("@")
        return stage in deciding and (stage != "prune" or item in rates)

    stages = {name: entry for name, entry in lock["stages"].items() if current(name)}
    missing = deciding - {name.partition("@")[0] for name in stages}
    if "prune" in deciding:
        missing |= {f"prune@{rate}" for rate in rates} - stages.keys()
    if missing:
        raise UserError(f"dvc.lock: {min(missing)} has not run; run `dvc repro` first")
    return stages


def require_current(read: Reader) -> None:
    """Raises `UserError` where dvc.lock is of other code or parameters than the files that `read` gives."""
    params, graph = _yaml(read, "params.yaml"), _yaml(read, "dvc.yaml")["stages"]
    for name, entry in stages_of(read).items():
        for key in re.findall(r"\$\{([\w.]+)\}", graph[name].get("cmd", "") if name in graph else ""):
            if str(_at(params, key)) not in entry["cmd"].split():
                raise UserError(f"params.yaml: {key} is not what {name} ran with; run `dvc repro` first")
        for key, value in entry.get("params", {}).get("params.yaml", {}).items():
            if _at(params, key) != value:
                raise UserError(f"params.yaml: {key} is not what {name} ran with; run `dvc repro` first")
        for path, md5 in (
            (dep["path"], dep["md5"]) for dep in entry["deps"] if dep["path"].startswith("stages/")
        ):
            try:
                same = _md5(read(path)) == md5
            except FileNotFoundError:
                same = False
            if not same:
                raise UserError(f"{path}: is not what {name} ran with; run `dvc repro` first")


def identity(read: Reader) -> str:
    """Twelve hexadecimal digits of what decides the figures, the seed apart.

    Commands, code, parameters and photos, as dvc.lock says that they ran. What a stage gets from another
    one is decided by these.
    """
    stages = stages_of(read)
    made = [out["path"] for entry in stages.values() for out in entry.get("outs", [])]
    facts = {}
    for name, entry in stages.items():
        values = entry.get("params", {}).get("params.yaml", {})
        given = {
            dep["path"]: dep["md5"]
            for dep in entry.get("deps", [])
            if not any(dep["path"] == out or dep["path"].startswith(f"{out}/") for out in made)
        }
        facts[name] = [entry["cmd"], given, {key: value for key, value in values.items() if key != "seed"}]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def seed_of(read: Reader) -> int:
    """The seed that every stage ran with. Raises `UserError` where they differ."""
    seeds = {
        entry["params"]["params.yaml"]["seed"]
        for entry in stages_of(read).values()
        if "seed" in entry.get("params", {}).get("params.yaml", {})
    }
    if len(seeds) != 1:
        raise UserError("dvc.lock: its stages ran with different seeds; run `dvc repro` first")
    return seeds.pop()


def result(read: Reader, path: str) -> bytes:
    """A result's file. Raises `UserError` where it is not the one that its stage wrote."""
    try:
        content = read(path)
    except FileNotFoundError:
        raise UserError(f"{path}: does not exist; run `dvc repro` first") from None
    for entry in stages_of(read).values():
        for out in entry.get("outs", []):
            if out["path"] == path:
                if out["md5"] != _md5(content):
                    raise UserError(f"{path}: is not what its stage wrote; run `dvc repro` first")
                return content
    raise UserError(f"{path}: no stage writes it")


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _at(values: dict, key: str):
    """The value of a dotted key; None where there is none."""
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


@functools.lru_cache(maxsize=64)
def _parsed(content: bytes) -> dict:
    return yaml.load(content, _Loader)


def _yaml(read: Reader, name: str) -> dict:
    try:
        return _parsed(read(name))
    except FileNotFoundError:
        raise UserError(f"{name}: does not exist; run `dvc repro` first") from None
