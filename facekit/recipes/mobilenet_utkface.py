"""Fine-tunes MobileNet on UTKFace with a teacher; its published weights know people, age and gender.

`mobilenet_utkface_polish` and `mobilenet_utkface_balance` continue from its weights. The default weights start from the
mean of the weights that these two produced.

Command: python face_train.py --recipe mobilenet_utkface --data UTKFace.tar.gz
Time: 45 minutes on two cores with AMX in bfloat16, shared with other work, and 15 for the teacher.
Reached: 1,091 validation chips: age MAE 4.33 years, gender 93.7 %, race 88.3 %. That run
stopped after 11 epochs, and started from weights that had been trained for six epochs without a teacher (mixup 0.5)
from the published ones.
"""

from facekit.heads import AGE, GENDER, RACE, AgeLoss
from facekit.networks.config import NetworkConfig
from facekit.recipes.recipe import Augmentation, Recipe, TrainingConfig

recipe = Recipe(
    name="mobilenet_utkface",
    network=NetworkConfig(backbone="mobilenet", input_size=200, heads=(AGE, GENDER, RACE)),
    training=TrainingConfig(
        losses={"age": AgeLoss(sigma=2.0, error_weight=0.3)},
        dropout=0.2,
        trainable_from="block4_depthwise",  # the layers before it detect edges; training them would double the time
        epochs=12,
        batch_size=48,
        learning_rate=3e-4,
        head_rate=2.0,
        warmup_steps=150,
        teacher_weight=0.6,
        augmentation=Augmentation(erase=0.3, mixup=0.2),  # soft targets regularise too
    ),
)
