"""What the README is filled with."""

import pytest

from stages import readme

TEXT = """Before
<!-- figures:begin -->
what was there
<!-- figures:end -->
between <!-- not a block -->
<!-- claims:begin -->
<!-- claims:end -->
after
"""


def test_blocks_are_filled_and_all_else_stays(there):
    text = readme.filled(TEXT)
    assert "what was there" not in text
    assert text.startswith("Before\n<!-- figures:begin -->\n* **123 KiB** ")
    assert text.endswith("\n<!-- claims:end -->\nafter\n")
    assert "between <!-- not a block -->" in text
    assert readme.filled(text) == text


def test_the_figures_have_intervals_a_machine_and_a_number_of_photos(there):
    _, speed, accuracy, photos = readme.figures().splitlines()
    assert "onnxruntime" in speed
    assert "A processor" in speed
    assert ", 95 %)" in accuracy
    assert photos.startswith("* **36 test photos**")


def test_five_claims_come_with_verdicts_seeds_epochs_and_revision(there):
    text = readme.claims()
    assert [text.count(f"| {claim} |") for claim in readme.CLAIMS] == [1] * 5
    for words in ("test photos", "epochs", "seeds 0, 1, 2 ", "revision 0123456789ab", "3 seeds can show"):
        assert words in text


def test_a_claim_that_the_study_does_not_have_is_an_error(there, monkeypatch):
    monkeypatch.setattr(readme, "CLAIMS", (*readme.CLAIMS, "It is magic"))
    with pytest.raises(KeyError):
        readme.claims()


def test_no_picture_is_drawn_without_the_sample(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    readme.sample()
    assert list(tmp_path.iterdir()) == []
