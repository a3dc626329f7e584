"""The last step of the default weights: four short epochs on whole faces, without mixup, at a low rate.

It starts from what `dlib_utkface` reached: `--pretrained face_weights/dlib_utkface-<time>-last.h5`.
"""

from dataclasses import replace

from facekit.heads import GENDER, RACE, AgeHead
from facekit.recipes import dlib_utkface

recipe = replace(
    dlib_utkface.recipe,
    name="dlib_utkface_polish",
    heads=(AgeHead(sigma=2.0, error_weight=0.5), GENDER, RACE),
    epochs=4,
    learning_rate=1e-4,
    head_rate=1.0,
    warmup_steps=50,
    ema=0.998,
    augmentation=replace(dlib_utkface.recipe.augmentation, mixup=0.0, erase=0.2),
)
