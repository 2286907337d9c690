"""params.yaml: closed, typed, ranged; and what a stage does not name, it does not get."""

from pathlib import Path

import pytest
import yaml
from dvc.utils.serialize import parse_yaml

from stages.common.errors import UserError
from stages.common.params import load, parsed, read, require_rate

ROOT = Path(__file__).parent.parent


@pytest.fixture
def edited(tmp_path):
    """params.yaml with one dotted key set to a YAML text; returns its path."""

    def edit(key: str, text: str) -> Path:
        values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        *sections, name = key.split(".")
        target = values
        for section in sections:
            target = target[section]
        target[name] = "VALUE"
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(values).replace("VALUE", text), encoding="utf-8")
        return path

    return edit


@pytest.mark.parametrize("name", ["params.yaml", "params.food11.yaml"])
def test_committed_files_are_valid(name):
    load(ROOT / name)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("prune.rate", "1"),
        ("prune.rate", "0"),
        ("prune.rate", "-0.5"),
        ("prune.rate", "1.5"),
        ("prune.rate", ".nan"),
        ("prune.rate", "'0.8'"),
        ("prune.rate", "fast"),
        ("prune.rate", "[0.8, 0.9]"),
        ("prune.rate", "0.99999"),
        ("prune.teacher", "imagenet"),
        ("prune.reference_rates", "[0.9, 0.95]"),
        ("prune.reference_rates", "[0.95]"),
        ("prune.reference_rates", "[0.95, 0.4]"),
        ("student.epochs", "1:30"),
        ("student.epochs", "yes"),
        ("student.epochs", "2.5"),
        ("student.epochs", "true"),
        ("student.learning_rate", "0"),
        ("student.epocs", "3"),
        ("distill.alpha", "1.1"),
        ("data.image_size", "16"),
        ("augment.flip", "1"),
        ("data.source", ""),
        ("student.architecture", "studnet"),
        ("student.architecture", "torchvision/"),
        ("student.architecture", "mine.py"),
        ("student.architecture", "/tmp/mine.py:build"),
        ("student.architecture", "../mine.py:build"),
        ("cnn.architecture", "mine.py:build"),
        ("prune.round_to", "0"),
        ("own_networks", "''"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_key(edited, key, text):
    with pytest.raises(UserError) as caught:
        load(edited(key, text))
    message = str(caught.value)
    assert "\n" not in message
    assert "params.yaml" in message
    assert key.split(".")[0] in message
    assert key.split(".")[-1] in message


@pytest.mark.parametrize(
    "text",
    [
        "1e-3",
        "1E-3",
        "0.001",
        ".001",
        "1_0",
        "010",
        "0o10",
        "1:30",
        "yes",
        "on",
        "~",
        "2026-11-25",
        "'1'",
        "1.",
    ],
)
def test_values_are_those_that_dvc_reads(edited, text):
    path = edited("student.learning_rate", text)
    assert parsed(path.read_bytes()) == parse_yaml(path.read_text(), str(path))


@pytest.mark.parametrize(("text", "value"), [("1e-3", 0.001), ("1E-3", 0.001), (".001", 0.001)])
def test_small_numbers_are_numbers(edited, text, value):
    assert load(edited("student.learning_rate", text)).student.learning_rate == value


@pytest.mark.parametrize(("text", "value"), [("010", 10), ("0o10", 8), ("1_0", 10)])
def test_whole_numbers_are_what_dvc_takes_them_for(edited, text, value):
    assert load(edited("student.epochs", text)).student.epochs == value


def test_broken_or_missing_file_is_one_line(tmp_path):
    path = tmp_path / "params.yaml"
    with pytest.raises(UserError, match=r"params\.yaml"):
        load(path)
    path.write_text("seed: [", encoding="utf-8")
    with pytest.raises(UserError, match="not YAML") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_read_gives_just_what_is_named():
    chosen = read("seed", "prune.epochs", "prune.teacher", path=ROOT / "params.yaml")
    assert vars(chosen).keys() == {"seed", "prune"}
    assert vars(chosen.prune).keys() == {"epochs", "teacher"}


def test_read_checks_the_rest_of_the_file_too(edited):
    with pytest.raises(UserError, match=r"prune\.rate"):
        read("seed", path=edited("prune.rate", "2"))


@pytest.mark.parametrize("text", ["0", "1", "-1", "2", "nan", "inf", "fast", ""])
def test_a_rate_outside_0_and_1_is_refused(text):
    with pytest.raises(UserError, match=r"prune\.rate"):
        require_rate(text)


def test_a_rate_inside_is_a_number():
    assert require_rate("0.8") == 0.8


def test_a_misspelt_network_is_told_its_neighbour(edited):
    with pytest.raises(UserError, match=r"student\.architecture = 'studnet': .*did you mean student\?"):
        load(edited("student.architecture", "studnet"))


def test_an_own_network_must_lie_where_dvc_looks(edited):
    load(edited("student.architecture", "architectures/small.py:small"))
    with pytest.raises(
        UserError, match=r"mine\.py is not in own_networks = 'architectures', where DVC looks"
    ):
        load(edited("student.architecture", "mine.py:build"))


@pytest.mark.parametrize(
    "name", ["torchvision/resnet50", "timm/lcnet_035", "timm/vit_tiny_patch16_224.augreg_in21k"]
)
def test_names_of_libraries_are_taken(edited, name):
    assert load(edited("cnn.architecture", name)).cnn.architecture == name


def test_a_key_is_read_at_any_depth():
    chosen = read("teacher.pretrained.architecture", "teacher.scratch", path=ROOT / "params.yaml")
    assert vars(chosen.teacher).keys() == {"pretrained", "scratch"}
    assert vars(chosen.teacher.pretrained) == {"architecture": "resnet18"}
