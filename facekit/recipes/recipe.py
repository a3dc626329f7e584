"""Recipes: a network, how it is trained, and on what data. Frozen dataclasses that validate every field."""

import math
import numbers
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath
from typing import Any

from facekit.core.errors import UsageError, lookup
from facekit.datasets.source import DataSource
from facekit.faces.chips import AlignedChip, ChipConfig, chip_from_dict
from facekit.heads import Head, Loss
from facekit.networks.config import NetworkConfig

SCHEDULES = ("cosine", "quarters")
OPTIMIZERS = ("adamw", "sgd")


def check_numbers(owner: object, *names: str, low: float, high: float = math.inf, whole: bool = False) -> None:
    """Raises UsageError unless the named fields are finite numbers between two bounds, and whole where asked."""
    kind: Any = numbers.Integral if whole else numbers.Real
    for name in names:
        value = getattr(owner, name)
        if not isinstance(value, kind) or isinstance(value, bool):
            rule = "a whole number" if whole else "a number"
            raise UsageError(f"{name} must be {rule}. Received: {value}.", argument=name)
        if not (low <= value <= high and value < math.inf):  # also for NaN
            rule = f"lie between {low:g} and {high:g}" if high < math.inf else f"be at least {low:g}"
            raise UsageError(f"{name} must {rule}. Received: {value}.", argument=name)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of the training chips. Zero switches one off.

    Args:
        flip: probability of a mirror image.
        shift: standard deviation, as a fraction of the side.
        scale: largest change of size, e.g. 0.1 for 0.9 to 1.1.
        rotation: standard deviation, radians.
        contrast: largest change of contrast, e.g. 0.25 for 0.75 to 1.25.
        brightness: largest change, of 255.
        colour: standard deviation of each channel's shift, of 255.
        grey: probability that a chip loses its colour, before contrast, brightness and colour change.
        blur: standard deviation of the strongest Gaussian blur, as a fraction of the side; most are much weaker.
        noise: standard deviation of the strongest noise, of 255.
        erase: probability of a random rectangle of one random colour (Zhong et al. 2017, Random Erasing).
        erase_area: smallest and largest rectangle, as fractions of the chip.
        mixup: probability that a chip is mixed with another of its batch (Zhang et al. 2018, mixup).
        mixup_alpha: both parameters of the Beta distribution of the mixing ratio.

    Raises:
        UsageError: a value is outside its range.
    """

    flip: float = 0.5
    shift: float = 0.03
    scale: float = 0.1
    rotation: float = 0.08
    contrast: float = 0.25
    brightness: float = 25.0
    colour: float = 8.0
    grey: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    erase: float = 0.4
    erase_area: tuple[float, float] = (0.02, 0.2)
    mixup: float = 0.5
    mixup_alpha: float = 0.4

    def __post_init__(self) -> None:
        check_numbers(self, "flip", "erase", "grey", "mixup", "shift", "contrast", low=0, high=1)
        check_numbers(self, "blur", low=0, high=0.04)
        check_numbers(self, "scale", low=0, high=0.95)
        check_numbers(self, "brightness", "colour", "noise", low=0, high=255)
        check_numbers(self, "rotation", "mixup_alpha", low=0)
        area = self.erase_area
        if len(area) != 2 or not 0 <= area[0] <= area[1] <= 1:  # also for NaN
            raise UsageError(f"erase_area must be 0 <= smallest <= largest <= 1. Received: {self.erase_area}.")


NO_AUGMENTATION = Augmentation(
    flip=0, shift=0, scale=0, rotation=0, contrast=0, brightness=0, colour=0, erase=0, mixup=0
)
# The standard deviation of a uniform shift of -0.1 to 0.1.
BASIC_AUGMENTATION = replace(NO_AUGMENTATION, flip=0.5, shift=0.06)
FULL_AUGMENTATION = replace(BASIC_AUGMENTATION, erase=0.5, erase_area=(0.02, 0.4), mixup=1.0, mixup_alpha=0.2)
AUGMENTATIONS = {"none": NO_AUGMENTATION, "basic": BASIC_AUGMENTATION, "full": FULL_AUGMENTATION}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Settings of a training. None is part of the network: they change neither a graph's name nor its inputs.

    Args:
        losses: head's name -> its loss; a head that is not named has the default loss of its kind.
        dropout: fraction of the features that training drops before the heads.
        pretrained: "published" for the backbone's released weights, "none" for random ones, or a weights file.
        trainable_from: name of the first layer that is trained; those before it stay as they are, batch norm included.
            None trains all.
        epochs: passes over the training side.
        batch_size: number of chips in a step.
        optimizer: "adamw" (Loshchilov and Hutter 2019), or "sgd" with Nesterov's momentum.
        learning_rate: the largest, for the backbone.
        momentum: of "sgd".
        head_rate: factor of the learning rate for the heads and the hidden layers.
        schedule: "cosine" falls to zero after the warm-up; "quarters" takes 1, 1/5, 1/25 and 1/125 of the rate in turn.
        warmup_steps: number of steps over which the rate of "cosine" rises from zero; at most a tenth of all.
        weight_decay: fraction of each kernel that a step of rate 1 subtracts; biases and batch norm have none.
        clip_norm: largest norm of all gradients together; None for no limit.
        ema: momentum of the moving average of the weights, which is evaluated and saved; 0 for none. It rises to this
            from 0. The statistics of trained batch norm move as slowly.
        balance: samples the rare classes of the first head, or bands of five years, more often: a class of frequency p
            as one of p ** (1 - balance) (Kang et al. 2020, Decoupling, equation 1). 0 shows each chip once an epoch,
            1 shows all classes equally often.
        teacher_weight: weight of a teacher's answer in a training target, see `facekit.training.teacher`; the label has
            the rest. 0 for no teacher.
        augmentation: random changes of the chips.
        seed: of the split and of everything random.
        histograms: whether TensorBoard also gets the network's graph, and histograms of its weights after each epoch.

    Raises:
        UsageError: a value is outside its range, or not a number where one is needed.
        UnknownNameError: no such optimizer or schedule.
    """

    losses: Mapping[str, Loss] = field(default_factory=dict)
    dropout: float = 0.0
    pretrained: str = "published"
    trainable_from: str | None = None
    epochs: int = 30
    batch_size: int = 32
    optimizer: str = "adamw"
    learning_rate: float = 6e-4
    momentum: float = 0.9
    head_rate: float = 3.0
    schedule: str = "cosine"
    warmup_steps: int = 200
    weight_decay: float = 0.05
    clip_norm: float | None = 2.0
    ema: float = 0.999
    balance: float = 0.0
    teacher_weight: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    histograms: bool = False

    def __post_init__(self) -> None:
        check_numbers(self, "epochs", "batch_size", low=1, whole=True)
        check_numbers(self, "warmup_steps", "seed", low=0, whole=True)
        check_numbers(self, "learning_rate", low=1e-9)
        check_numbers(self, "head_rate", "weight_decay", low=0)
        check_numbers(self, "balance", "dropout", "ema", "momentum", "teacher_weight", low=0, high=1)
        if self.clip_norm is not None:
            check_numbers(self, "clip_norm", low=1e-9)
        lookup("schedule", self.schedule, dict.fromkeys(SCHEDULES))
        lookup("optimizer", self.optimizer, dict.fromkeys(OPTIMIZERS))
        if not isinstance(self.histograms, bool):
            raise UsageError(f"histograms must be True or False. Received: {self.histograms}.")

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "losses": {name: asdict(loss) for name, loss in self.losses.items()}}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network, how it is trained, and on what data.

    Args:
        name: of the recipe; runs and weights are named after it.
        network: backbone, input and heads.
        training: losses, optimizer, schedule and augmentation.
        data: one or more sources; their labels may differ.
        chip: how faces are cut where the pictures are photographs; the card keeps the rule.

    Raises:
        UsageError: the name is not a file name, there is no source, or a loss is not one of its head's kind.
        UnknownNameError: a loss belongs to no head.
    """

    name: str
    network: NetworkConfig
    training: TrainingConfig = field(default_factory=TrainingConfig)
    data: tuple[DataSource, ...] = (DataSource("utkface"),)
    chip: ChipConfig = field(default_factory=AlignedChip)

    def __post_init__(self) -> None:
        if not self.name or PurePath(self.name).name != self.name:
            raise UsageError(
                f"A recipe's name must be usable as a file name. Received: {self.name!r}.", argument="name"
            )
        heads = {head.name: head for head in self.network.heads}
        for name, loss in self.training.losses.items():
            expected = lookup("head", name, heads).loss
            if not isinstance(loss, expected):
                raise UsageError(f"The loss of {name} must be {expected.__name__}. Received: {loss}.")
        if not self.data:
            raise UsageError("A recipe needs a data source. Received none.")

    def loss(self, head: Head) -> Loss:
        """Returns the loss of a head."""
        return self.training.losses.get(head.name) or head.loss()

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "network": self.network.to_dict(),
            "training": self.training.to_dict(),
            "data": [source.to_dict() for source in self.data],
            "chip": self.chip.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """Makes the recipe that `to_dict` wrote. Raises TypeError for an unknown field."""
        network, training = NetworkConfig.from_dict(values["network"]), dict(values["training"])
        kinds = {head.name: head.loss for head in network.heads}
        training["losses"] = {name: kinds[name](**loss) for name, loss in training["losses"].items()}
        augmentation = dict(training["augmentation"])
        augmentation["erase_area"] = tuple(augmentation["erase_area"])
        training["augmentation"] = Augmentation(**augmentation)
        parts = {
            "network": network,
            "training": TrainingConfig(**training),
            "data": tuple(DataSource(**source) for source in values["data"]),
            "chip": chip_from_dict(values["chip"]),
        }
        return cls(**{**values, **parts})
