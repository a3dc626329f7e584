"""Trains the flagship network with the optimizer, schedule and augmentation of the original scripts (2020).

Command: python face_train.py --recipe classic --data UTKFace.tar.gz
Not trained yet: it starts from the weights that keras-vggface released.
"""

from facekit.heads import AGE, GENDER, RACE
from facekit.networks.config import NetworkConfig
from facekit.recipes.recipe import FULL_AUGMENTATION, Recipe, TrainingConfig

recipe = Recipe(
    name="classic",
    network=NetworkConfig(backbone="vggface_resnet50", input_size=200, heads=(AGE, GENDER, RACE)),
    training=TrainingConfig(
        trainable_from="conv4_5_3x3_bn",  # the last 50 of 175 layers
        epochs=30,
        batch_size=32,
        learning_rate=0.01,
        schedule="quarters",
        clip_norm=None,
        weight_decay=0.0,  # AdamW without it is Adam
        head_rate=1.0,
        ema=0.0,
        augmentation=FULL_AUGMENTATION,
    ),
)
