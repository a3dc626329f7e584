"""What is trained, and how: one frozen page of settings."""

from dataclasses import asdict, dataclass, field
from typing import Any

from facekit.core.errors import UsageError
from facekit.heads import AGE, GENDER, RACE, Head, head_from_dict, head_to_dict

_SMALLEST = {
    **{"epochs": 1, "batch_size": 1, "learning_rate": 1e-9, "input_size": 1, "patience": 1},
    **dict.fromkeys(("heads_first", "head_rate", "warmup_steps", "weight_decay"), 0),
}
_SHARES = ("balance", "dropout", "ema", "layer_decay", "teacher_share")


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of the training chips. Zero switches one off.

    Args:
        flip: probability of a mirror image.
        shift: standard deviation, share of the side.
        scale: largest change of size, e.g. 0.1 for 0.9 to 1.1.
        rotation: standard deviation, radians.
        contrast: largest change of contrast, e.g. 0.25 for 0.75 to 1.25.
        brightness: largest change, of 255.
        colour: standard deviation of each channel's shift, of 255.
        erase: probability of a random rectangle of one random colour (Zhong et al. 2017, Random Erasing).
        erase_area: smallest and largest rectangle, share of the chip.
        mixup: probability that a chip is mixed with another of its batch (Zhang et al. 2018, mixup).
        mixup_alpha: both parameters of the Beta distribution of the mixing share.
    """

    flip: float = 0.5
    shift: float = 0.03
    scale: float = 0.1
    rotation: float = 0.08
    contrast: float = 0.25
    brightness: float = 25.0
    colour: float = 8.0
    erase: float = 0.4
    erase_area: tuple[float, float] = (0.02, 0.2)
    mixup: float = 0.5
    mixup_alpha: float = 0.4


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """All that is needed to build a network: it travels in the card of its weights.

    Args:
        backbone: name in `facekit.networks.backbones.BACKBONES`.
        input_size: side of the square input, pixels.
        heads: what is answered, in order.
        dropout: share of the features that training drops before the heads.
    """

    backbone: str
    input_size: int
    heads: tuple[Head, ...]
    dropout: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "heads": [head_to_dict(head) for head in self.heads]}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "NetworkConfig":
        return cls(**{**fields, "heads": tuple(head_from_dict(head) for head in fields["heads"])})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of a training.

    Args:
        name: of the recipe; runs and weights are named after it.
        backbone, input_size, heads, dropout: the network, see `NetworkConfig`.
        pretrained: "published" for the backbone's released weights, "none" for random ones, or a weights file.
        trainable_from: name of the first layer that is trained; those before it stay as they are, batch norm included.
            None trains all.
        epochs, batch_size: length of the training.
        learning_rate: the largest, for the backbone.
        head_rate: factor of the learning rate for the heads.
        layer_decay: factor of the learning rate from each layer with a kernel to the one before it, counted from the
            heads down: the layer under them learns at this, the next at its square, and so on (Clark et al. 2020,
            ELECTRA, appendix B; Bao et al. 2022, BEiT). 1 for one rate.
        heads_first: epochs in which only the heads learn; then the others' rate rises over `warmup_steps` as well, so
            that random heads do not spoil what was learnt before (Kumar et al. 2022, LP-FT).
        schedule: "cosine" after the warm-up down to zero; "quarters" for 1, 1/5, 1/25 and 1/125 of the rate in turn.
        warmup_steps: over which the rate rises from zero; at most a tenth of all.
        weight_decay: of kernels; biases and batch norm have none.
        clip_norm: largest norm of all gradients together; None for no limit.
        ema: momentum of the moving average of the weights, which is what is evaluated and kept; 0 for none. It rises to
            this from 0. Trained batch norm's statistics move as slowly.
        balance: how often the rare classes of the first head, ages in bands of five years, are shown: a class of share
            p as one of p ** (1 - balance) (Kang et al. 2020, Decoupling, equation 1). 0 shows each chip once an epoch,
            1 shows all classes alike.
        teacher_share: of a teacher's answer in what a training chip is to answer, see `facekit.training.teacher`; the
            rest is its label. 0 for no teacher.
        patience: epochs without a lower validation loss after which the training stops; None for never.
        augmentation: random changes of the chips.
        seed: of all that is random.
    """

    name: str
    backbone: str
    input_size: int
    heads: tuple[Head, ...] = (AGE, GENDER, RACE)
    dropout: float = 0.0
    pretrained: str = "published"
    trainable_from: str | None = None
    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 6e-4
    head_rate: float = 3.0
    layer_decay: float = 1.0
    heads_first: int = 0
    schedule: str = "cosine"
    warmup_steps: int = 200
    weight_decay: float = 0.05
    clip_norm: float | None = 2.0
    ema: float = 0.999
    balance: float = 0.0
    teacher_share: float = 0.0
    patience: int | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0

    def __post_init__(self) -> None:
        for name, smallest in _SMALLEST.items():
            value = getattr(self, name)
            if value is not None and not value >= smallest:  # also for NaN
                raise UsageError(f"{name} must be at least {smallest}. Received: {value}.")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must lie between 0 and 1. Received: {getattr(self, name)}.")

        names = [head.name for head in self.heads]
        if not names or len(set(names)) < len(names):
            raise UsageError(f"A recipe needs heads of different names. Received: {', '.join(names) or 'none'}.")

    @property
    def network(self) -> NetworkConfig:
        return NetworkConfig(backbone=self.backbone, input_size=self.input_size, heads=self.heads, dropout=self.dropout)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "heads": [head_to_dict(head) for head in self.heads]}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Recipe":
        augmentation = dict(fields["augmentation"])
        augmentation["erase_area"] = tuple(augmentation["erase_area"])
        return cls(
            **{
                **fields,
                "heads": tuple(head_from_dict(head) for head in fields["heads"]),
                "augmentation": Augmentation(**augmentation),
            }
        )
