"""MobileNet, trained by others for people, age and gender, fine-tuned on UTKFace with a teacher.

`mobilenet_utkface_polish` and `mobilenet_utkface_balance` go on from there; the default weights are the mean of both.

Command: python face_train.py --recipe mobilenet_utkface --data UTKFace.tar.gz
Time: 45 minutes on two cores with AMX in bfloat16, shared with other work, and 15 for the teacher.
Reached: 1,091 validation chips: age MAE 4.33 years, gender 93.7 %, race 88.3 %, after 11 of the epochs and not from
the published weights, but from what six epochs without a teacher (and with mixup 0.5) had made of them.
"""

from facekit.heads import GENDER, RACE, AgeHead
from facekit.recipes.recipe import Augmentation, Recipe

recipe = Recipe(
    name="mobilenet_utkface",
    backbone="mobilenet",
    input_size=200,
    heads=(AgeHead(sigma=2.0, error_weight=0.3), GENDER, RACE),
    dropout=0.2,
    trainable_from="block4_depthwise",  # edges need no training, and theirs takes half of the time
    epochs=12,
    batch_size=48,
    learning_rate=3e-4,
    head_rate=2.0,
    warmup_steps=150,
    teacher_share=0.6,
    augmentation=Augmentation(erase=0.3, mixup=0.2),  # a soft target leaves less to learn by heart
)
