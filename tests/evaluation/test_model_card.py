"""The model card."""

from dataclasses import replace

from cases import MOOD, predictions

from facekit.evaluation.metrics import evaluate
from facekit.evaluation.model_card import model_card
from facekit.heads import AGE
from facekit.networks.calibration import Calibration


def test_model_card_says_what_the_card_knows() -> None:
    some = predictions(n=200)
    card = replace(
        some.card,
        data={
            "dataset": "utkface",
            "train": 1800,
            "test": 200,
            "split_rule": "By name.",
            "seed": 7,
            "dropped": {"bad": 2},
        },
        figures=some.figures,
        calibration=Calibration({"age": 1.1, "race": 1.25}, 900),
        tensors_sha256="abc",
    )
    text = model_card(card)
    for said in (
        "# a & b\n",
        "age (93 classes), gender (2 classes), race (5 classes)",
        "1,800 train, 200 test",
        "2 bad",
        "By name. Seed 7.",
        f"| estimated age | MAE, years | {some.figures['age']['mae']:.2f} |",
        f"| minors called adults | of {some.figures['minors']['n']:,} |",
        "| labelled |  | n | age, MAE, years | gender, accuracy | race, accuracy |",
        "|  | Female |",
        "age 1.100, race 1.250",
        "fitted on 900 records",
        "must not be used for",
        "Do not decide about people",
        "## Limits",
        f"## Licence\n\n{card.licence}",
    ):
        assert said in text
    bare = model_card(some.card)
    assert "How good" not in bare and "the network's own" in bare


def test_model_card_of_other_heads() -> None:
    some = predictions((AGE, MOOD), n=50)
    text = model_card(replace(some.card, figures=evaluate(some.heads, some.outputs, some.labels)))
    assert "| mood |" in text and "mood, accuracy" in text
