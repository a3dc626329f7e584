"""dlib's ResNet-29 fine-tuned on UTKFace: the default weights."""

from facekit.heads import GENDER, RACE, AgeHead
from facekit.recipes.recipe import Recipe

recipe = Recipe(
    name="dlib_utkface",
    backbone="dlib_resnet",
    input_size=150,
    heads=(AgeHead(sigma=2.0, error_weight=0.2), GENDER, RACE),
    dropout=0.2,
    epochs=30,
    batch_size=48,
)
