"""Continues `mobilenet_utkface` on UTKFace and All-Age-Faces, with chips degraded as photographs from elsewhere are.

Chips lose their colour, are blurred and get noise, and are cut less exactly; the teacher sees them as they are.

Command: python face_train.py --recipe mobilenet_robust --data utkface=UTKFace.tar.gz
    --data all_age_faces=AllAgeFaces.tar.xz --pretrained face_weights/mobilenet_utkface.h5
Time: 35 minutes for the teacher and 75 for the training, on two cores with AVX2, shared with other work.
Reached: 1,414 validation chips, 323 of them All-Age-Faces: age MAE 4.37 years, gender 94.3 %, race 87.6 %.
"""

from dataclasses import replace

from facekit.datasets.source import DataSource
from facekit.recipes import mobilenet_utkface_balance

base = mobilenet_utkface_balance.recipe.training
recipe = replace(
    mobilenet_utkface_balance.recipe,
    name="mobilenet_robust",
    training=replace(
        base,
        epochs=5,
        learning_rate=2e-4,
        augmentation=replace(
            base.augmentation,
            shift=0.04,
            scale=0.15,
            rotation=0.1,
            contrast=0.3,
            brightness=30.0,
            colour=12.0,
            grey=0.1,
            blur=0.02,
            noise=12.0,
        ),
    ),
    data=(DataSource("utkface"), DataSource("all_age_faces", detector="blazeface")),
)
