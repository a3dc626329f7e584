"""Fine-tunes dlib's ResNet-29 on UTKFace. `dlib_utkface_polish` continues from its weights.

Command: python face_train.py --recipe dlib_utkface --data UTKFace.tar.gz
Time: 68 minutes on two cores with AMX in bfloat16, shared with other work.
Reached: 1,091 validation chips: age MAE 4.52 years, gender 93.8 %, race 87.2 %;
2,113 test chips: 4.53 years, 94.3 %, 85.8 %.
"""

from facekit.heads import AGE, GENDER, RACE, AgeLoss
from facekit.networks.config import NetworkConfig
from facekit.recipes.recipe import Recipe, TrainingConfig

recipe = Recipe(
    name="dlib_utkface",
    network=NetworkConfig(backbone="dlib_resnet", input_size=150, heads=(AGE, GENDER, RACE)),
    training=TrainingConfig(
        losses={"age": AgeLoss(sigma=2.0, error_weight=0.2)}, dropout=0.2, epochs=30, batch_size=48
    ),
)
