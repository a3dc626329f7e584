"""MobileNet, trained by others for people, age and gender, fine-tuned on UTKFace.

Command: python face_train.py --recipe mobilenet_utkface --data UTKFace.tar.gz
"""

from facekit.heads import GENDER, RACE, AgeHead
from facekit.recipes.recipe import Recipe

recipe = Recipe(
    name="mobilenet_utkface",
    backbone="mobilenet",
    input_size=200,
    heads=(AgeHead(sigma=2.0, error_weight=0.2), GENDER, RACE),
    dropout=0.2,
    trainable_from="block4_depthwise",  # edges need no training, and theirs takes half of the time
    epochs=14,
    batch_size=48,
    learning_rate=3e-4,
)
