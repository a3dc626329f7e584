"""Trains VGG16 on All-Age-Faces for five bands of ages, from scratch: 1-15, 16-25, 26-35, 36-45 and over 45.

The official training list is enough, and faces are cut, as for `all_age_faces_gender`. VGG16 costs 15 times as much
at its own 224 px as at 48; 48 is what two CPU cores train in an hour. It has no batch norm, hence the low rate.

VGGFace's VGG16 starts from faces. Where its weights are present (vggface_weights/README.md), set
backbone="vggface_vgg16" and pretrained="published" here; its smallest input is 48 px too.

Command: python face_train.py --recipe all_age_faces_bands --data AllAgeFaces.tar.xz
Not trained to its end yet: 36 % of the validation side after 3 of 15 epochs.
"""

from facekit.datasets.source import DataSource
from facekit.heads import BandHead
from facekit.networks.config import NetworkConfig
from facekit.recipes.recipe import Augmentation, Recipe, TrainingConfig

recipe = Recipe(
    name="all_age_faces_bands",
    network=NetworkConfig(
        backbone="vgg16_imagenet", input_size=48, heads=(BandHead("age", starts=(1, 16, 26, 36, 46)),)
    ),
    training=TrainingConfig(
        dropout=0.3,
        pretrained="none",
        epochs=15,
        batch_size=32,
        learning_rate=2e-4,
        ema=0.998,
        augmentation=Augmentation(erase=0.2, mixup=0.2),
    ),
    data=(DataSource("all_age_faces", split="official", detector="blazeface"),),
)
