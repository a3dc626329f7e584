"""The last step of the default weights: four short epochs that weigh the error in years more, and the teacher less.

The expected age is then nearer to the median of what is possible, which is what the mean absolute error asks for; rare
ages are shown more often, else the young are estimated too old.

Command: python face_train.py --recipe mobilenet_utkface_polish --data UTKFace.tar.gz
    --pretrained face_weights/<run of mobilenet_utkface>-last.h5
"""

from dataclasses import replace

from facekit.heads import GENDER, RACE, AgeHead
from facekit.recipes import mobilenet_utkface

recipe = replace(
    mobilenet_utkface.recipe,
    name="mobilenet_utkface_polish",
    heads=(AgeHead(sigma=2.0, error_weight=1.0), GENDER, replace(RACE, loss_weight=2.0)),
    epochs=4,
    learning_rate=1.5e-4,
    warmup_steps=50,
    ema=0.998,
    balance=0.3,
    teacher_share=0.4,
    augmentation=replace(mobilenet_utkface.recipe.augmentation, mixup=0.0, erase=0.2),
)
