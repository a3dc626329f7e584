"""Trains a small network from scratch on FER2013: which of seven expressions does a face show?

PublicTest validates. Where PrivateTest is missing, a hundredth of Training tests.

Command: python face_train.py --recipe expression_fer2013 --data fer2013.csv
Time: 100 minutes on two cores with AVX2 in float32, shared with other work (about an hour alone).
Reached: 3,310 validation pictures (PublicTest): 63.3 %, macro-F1 55.1 %. `expression_fer2013_polish` continues from it.
"""

from facekit.datasets.source import DataSource
from facekit.faces.chips import BoxChip
from facekit.heads import EXPRESSION, ClassLoss
from facekit.networks.config import NetworkConfig
from facekit.recipes.recipe import Augmentation, Recipe, TrainingConfig

recipe = Recipe(
    name="expression_fer2013",
    network=NetworkConfig(backbone="conv_blocks", input_size=48, heads=(EXPRESSION,), hidden=(256,)),
    training=TrainingConfig(
        losses={"expression": ClassLoss(smoothing=0.1)},
        dropout=0.3,
        pretrained="none",
        epochs=16,
        batch_size=64,
        learning_rate=2e-3,
        head_rate=1.0,
        ema=0.998,
        augmentation=Augmentation(
            shift=0.05,
            rotation=0.12,
            contrast=0.2,
            brightness=20,
            colour=0,
            erase=0.25,
            erase_area=(0.02, 0.12),
            mixup=0,
        ),
    ),
    data=(DataSource("fer2013", split="official", test_share=0.01),),
    chip=BoxChip(size=48, margin=0.12),  # eyes as far apart as in FER2013
)
