"""What every kind of head must do, on one example of each kind in the registry."""

import json
from dataclasses import dataclass, fields
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from facekit.core.errors import UsageError
from facekit.heads import (
    HEADS,
    MISSING,
    AgeHead,
    BandHead,
    ClassHead,
    Head,
    Label,
    LabelError,
    NumberHead,
    head_from_dict,
)

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """A head and what it must accept and refuse.

    Args:
        head: the example.
        labels: some that it knows.
        unknown: labels that it does not know.
        declared: schemas that it can learn from.
        refused: a schema that it cannot learn from, and words of the reason.
    """

    head: Head
    labels: tuple[Label, ...]
    unknown: tuple[Label, ...]
    declared: tuple[tuple[str, ...] | str, ...]
    refused: tuple[tuple[tuple[str, ...] | str, str], ...]

    def rows(self, n: int = 40, seed: int = 0) -> Rows:
        """Random outputs (n, width) of a network: probabilities, or numbers for a head of width 1."""
        random = np.random.default_rng(seed)
        if self.head.width == 1:
            return random.uniform(1, 99, (n, 1))
        return random.dirichlet(np.full(self.head.width, 0.3), n)

    def truth(self, n: int = 40) -> NDArray[Any]:
        encoded = [self.head.encode(label) for label in self.labels]
        return np.resize(np.array(encoded, self.head.label_type), n)

    def right_rows(self, n: int = 40) -> Rows:
        """Rows (n, width) that answer the truth."""
        return self.head.loss().targets(self.head, self.truth(n)).astype(np.float64)


YEARS = (("years",), ((("young", "old"), "age in classes (young, old)"), ("months", "age in months")))
EXAMPLES = {
    "age": Example(AgeHead(), (1, "30", 93, 17.0, 18), (0, 94, "old", "", float("nan"), 1e400), *YEARS),
    "bands": Example(
        BandHead("age", (1, 16, 26, 36, 46)),
        (1, "15", 15.9, 16, 45, 46, "120", "26-35", "Over 45"),
        (0, 0.5, "-1", "old", "46-", "", float("nan"), 1e400),
        ("years", ("1-15", "over 45")),
        ((("young", "old"), "age 'young', 'old', and the head knows 1-15, 16-25, 26-35, 36-45, over 45"), YEARS[1][1]),
    ),
    "class": Example(
        ClassHead("gender", ("Male", "Female")),
        ("Male", "female", "MALE"),
        ("0", 1, "", "Males"),
        (("Male", "Female"), ("Female", "Male"), ("male",)),
        ((("Female", "Diverse"), "gender 'Diverse', and the head knows Male, Female"), ("years", "gender in years")),
    ),
    "number": Example(NumberHead("age", 0, 116, "years"), (0, "7.5", 116, 30), (-1, 117, "old", float("nan")), *YEARS),
}


@pytest.fixture(params=HEADS)
def example(request: pytest.FixtureRequest) -> Example:
    return EXAMPLES[request.param]


@pytest.fixture
def head(example: Example) -> Head:
    return example.head


def test_every_kind_has_an_example_of_its_class() -> None:
    assert {kind: type(example.head) for kind, example in EXAMPLES.items()} == HEADS
    assert all(kind == head.kind for kind, head in HEADS.items())


def test_head_comes_back_from_json(head: Head) -> None:
    fields = json.loads(json.dumps(head.to_dict()))
    again = head_from_dict(fields)
    assert again == head and hash(again) == hash(head) and again.to_dict() == head.to_dict()
    assert not {"weight", "loss_weight", "sigma", "smoothing", "error_weight"} & fields.keys()
    with pytest.raises(TypeError, match="'colour'"):
        head_from_dict({**fields, "colour": "red"})


def test_output_has_the_heads_width_in_float32(head: Head) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        features = keras.Input((7,))
        network = keras.Model(features, head.output(features))
    finally:
        keras.config.set_dtype_policy(before)
    assert network.output.shape == (None, head.width) and network.output.dtype == "float32"
    assert {variable.path.split("/")[0] for variable in network.variables} == {head.name}
    rows = keras.ops.convert_to_numpy(network(np.ones((2, 7), np.float32)))
    assert len(head.decode(rows)) == 2


def test_labels_are_encoded_by_name(example: Example) -> None:
    head = example.head
    for label in example.labels:
        encoded = head.encode(label)
        assert encoded >= 0 > MISSING and head.label_type(encoded) == encoded
        assert head.encode(head.label_name(encoded)) == encoded
        json.dumps(head.label_name(encoded))


def test_unknown_labels_are_refused_by_the_heads_name(example: Example) -> None:
    for label in example.unknown:
        with pytest.raises(LabelError, match=example.head.name):
            example.head.encode(label)


def test_schemas_that_cannot_be_learned_are_refused_with_the_reason(example: Example) -> None:
    assert [example.head.mismatch(declared) for declared in example.declared] == [None] * len(example.declared)
    for declared, words in example.refused:
        assert words in (example.head.mismatch(declared) or "")


def test_missing_labels_have_targets_of_zeros(example: Example) -> None:
    labels = example.truth(3)
    labels[1] = MISSING
    targets = example.head.loss().targets(example.head, labels)
    assert targets.shape == (3, example.head.width) and targets.dtype == np.float32
    assert not targets[1].any() and np.isfinite(targets).all()


def test_right_answers_have_no_loss_and_no_errors(example: Example) -> None:
    head, loss, right = example.head, example.head.loss(), example.right_rows()
    targets = loss.targets(head, example.truth()).astype(np.float32)
    losses = keras.ops.convert_to_numpy(loss(head, targets, right.astype(np.float32)))
    others = keras.ops.convert_to_numpy(loss(head, targets, example.rows().astype(np.float32)))
    assert losses.shape == others.shape == (40,)
    np.testing.assert_allclose(losses, 0, atol=1e-5)
    assert (others > 0).all()
    np.testing.assert_allclose(head.badness(right, example.truth()), 0, atol=1e-5)
    assert (head.badness(example.rows(), example.truth()) >= 0).all()
    measures = head.measures(right, example.truth())
    assert measures[head.main_measure] == {"mae": 0, "accuracy": 1}[head.main_measure]
    assert head.validation_loss(measures) == pytest.approx(0, abs=1e-5)


def test_settings_of_losses_are_checked(head: Head) -> None:
    assert head.loss(weight=0.5).weight == 0.5 and head.loss().weight == 1
    for setting in fields(head.loss):
        for value in (-0.1, float("nan")):
            message = rf"{head.loss.__name__}\.{setting.name} must be at least 0\. Received: {value}\."
            with pytest.raises(UsageError, match=message):
                head.loss(**{setting.name: value})


def test_answers_fill_the_heads_columns(example: Example) -> None:
    head = example.head
    answers = head.decode(example.rows().astype(np.float32))
    assert len(answers) == 40 and head.decode(example.rows(0)) == []
    for answer in answers:
        assert tuple(answer.row(head.name)) == head.columns and head.columns[0] == head.name
        json.dumps(answer.to_dict())
        text, detail = answer.caption(head.name, {})
        assert text and str(answer) and bool(detail) != answer.unsure
        unsure = answer.doubted()
        assert (str(unsure), unsure.row(head.name)[head.name], *unsure.bar()) == ("unsure", "unsure")
        assert unsure.caption(head.name, {"unsure": "<?>"}) == (f"{head.name} <?>", "")
        assert unsure.to_dict() == {**answer.to_dict(), "unsure": True}  # the numbers stay
        segments = list(answer.segments())
        assert segments and all(0 <= start <= end <= 1 for start, end, _ in segments)
        assert str(answer.compact()) == str(answer)


def test_captions_are_translated(example: Example) -> None:
    answer = example.head.decode(example.rows(1))[0]
    words = {example.head.name: "<name>", "Male": "<male>", "Female": "<female>"}
    assert answer.caption(example.head.name, words)[0].startswith("<")


def test_shown_answers_settle(example: Example) -> None:
    """What a video shows stays while the estimate changes little, and no caption is wider than the widest."""
    head = example.head
    for answer, other in zip(head.decode(example.rows()), head.decode(example.rows(seed=1)), strict=True):
        shown = answer.settled(None)
        assert type(shown) is type(answer) and answer.settled(shown) == shown == shown.settled(shown)
        assert other.settled(shown).caption(head.name, {})[0] in (
            shown.caption(head.name, {})[0],
            other.settled(None).caption(head.name, {})[0],
        )
        widest = max(len("".join(entry.caption(head.name, {}))) for entry in answer.widest())
        assert len("".join(shown.caption(head.name, {}))) <= widest


def test_measures_of_known_labels(example: Example) -> None:
    head, rows, truth = example.head, example.rows(), example.truth()
    measures = head.measures(rows, truth)
    assert measures[head.main_measure] == pytest.approx(head.outcomes(rows, truth).mean(), abs=1e-3)
    assert head.validation_loss(measures) > 0
    none = head.measures(rows[:0], truth[:0])
    assert none == dict.fromkeys(measures)
    json.dumps(measures)


def test_each_label_belongs_to_one_group(example: Example) -> None:
    head, truth = example.head, example.truth(8)
    truth[0] = MISSING
    groups = head.groups(truth)
    assert head.groups_by in ("classes", "bands")
    np.testing.assert_array_equal(np.sum(list(groups.values()), axis=0), truth != MISSING)
    assert head.strata(truth[1:]).shape == (7,)


def test_intervals_hold_the_measure(example: Example) -> None:
    head, rows, truth = example.head, example.rows(), example.truth()
    low, high = head.interval(rows, truth)
    assert low is not None and high is not None and low <= head.outcomes(rows, truth).mean() <= high
    assert len(head.interval(rows[:1], truth[:1])) == 2


def test_report_is_json_and_its_intervals_belong_to_measures(example: Example) -> None:
    head, rows, truth = example.head, example.rows(), example.truth()
    for n in (1, 2, 40):
        section = json.loads(json.dumps(head.report(rows[:n], truth[:n])))
        measures = head.measures(rows[:n], truth[:n])
        assert {head.main_measure} <= section["intervals"].keys() <= measures.keys()
        assert section["groups"] == list(head.groups(truth)) and np.sum(section["confusion"]) == n
        assert all(row.keys() == section["table"][0].keys() for row in section["table"])
        json.dumps(head.whole_figures(rows[:n], truth[:n]))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_temperatures_keep_the_answer(temperature: float, example: Example) -> None:
    head, rows = example.head, example.rows()
    for changed in (head.tempered(rows, temperature), head.narrowed(rows, temperature)):
        assert changed.shape == rows.shape and changed.dtype == np.float64
        for before, after in zip(head.decode(rows), head.decode(changed), strict=True):
            assert next(iter(after.fields(head.name).values())) == next(iter(before.fields(head.name).values()))


def test_temperature_is_positive_or_none(example: Example) -> None:
    fitted = example.head.fit_temperature(example.rows(200), example.truth(200))
    assert fitted is None or 0.2 < fitted < 5
