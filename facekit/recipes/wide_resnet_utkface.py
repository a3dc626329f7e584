"""Trains a wide residual network on UTKFace from scratch, as age-gender-estimation trained its own (2017 to 2019).

Command: python face_train.py --recipe wide_resnet_utkface --data UTKFace.tar.gz
A smaller one for a CPU: --depth 10 --width 2 --epochs 16 --augmentation basic
Time: 45 minutes for the smaller one, on two cores with AVX-512 in float32, shared with other work.
Reached: the smaller one, 2,113 test chips: age MAE 5.89 years, gender 91.8 %, race 78.8 %. The larger one was not
trained. `wide_resnet_imdb` and `wide_resnet_wiki` train in the same way on other faces.
"""

from facekit.datasets.source import DataSource
from facekit.heads import AGE, GENDER, RACE
from facekit.networks.config import NetworkConfig
from facekit.recipes.recipe import FULL_AUGMENTATION, Recipe, TrainingConfig

recipe = Recipe(
    name="wide_resnet_utkface",
    network=NetworkConfig(backbone="wide_resnet", input_size=64, heads=(AGE, GENDER, RACE)),  # WRN-16-8
    training=TrainingConfig(
        pretrained="none",
        epochs=30,
        batch_size=32,
        optimizer="sgd",
        learning_rate=0.1,
        momentum=0.9,
        head_rate=1.0,
        schedule="quarters",
        # An L2 term of 5e-4 pulls each kernel by twice that, and momentum of 0.9 adds ten such steps up. Decay is
        # applied beside the momentum, so that 2 * 5e-4 / (1 - 0.9) pulls as much.
        weight_decay=0.01,
        clip_norm=None,
        ema=0.0,
        augmentation=FULL_AUGMENTATION,
    ),
    data=(DataSource("utkface", validation_share=0.1),),
)
