"""train_teacher: a ResNet18 on the photos, from scratch or from pretrained weights."""

import argparse
from pathlib import Path

from stages.common import errors
from stages.common.networks.cards import new_model
from stages.common.networks.model_files import load_to_go_on
from stages.common.networks.pretrained import transfer
from stages.common.params import read
from stages.common.training.examples import MANIFEST, open_data
from stages.common.training.loop import on_labels
from stages.common.training.outputs import train
from stages.common.training.resuming import Scratch

PRETRAINED = Path("models/pretrained.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("start", choices=["scratch", "pretrained"])
    start = parser.parse_args().start
    params = read("seed", "augment", "teacher")
    data = open_data(params.augment, params.seed)
    model, inputs = new_model(data.card("resnet18"), params.seed), [MANIFEST]
    if start == "pretrained":
        transfer(load_to_go_on(PRETRAINED, "cpu"), model)
        inputs.append(PRETRAINED)
    scratch = Scratch("train_teacher", params, inputs)
    train(f"teacher_{start}", model, data, on_labels, params.teacher, scratch)


if __name__ == "__main__":
    errors.run(main)
