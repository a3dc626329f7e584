"""The flagship network with the optimiser, the schedule and the augmentation of the original scripts (2020).

Command: python face_train.py --recipe classic --data UTKFace.tar.gz
Not yet trained here: it starts from keras-vggface's released weights.
"""

from facekit.recipes.recipe import Augmentation, Recipe

recipe = Recipe(
    name="classic",
    backbone="vggface_resnet50",
    input_size=200,
    trainable_from="conv4_5_3x3_bn",  # the last 50 of 175 layers
    epochs=30,
    batch_size=32,
    learning_rate=0.01,
    schedule="quarters",
    clip_norm=None,
    weight_decay=0.0,  # and so AdamW is Adam
    head_rate=1.0,
    ema=0.0,
    augmentation=Augmentation(
        shift=0.06,  # the standard deviation of its uniform -0.1 to 0.1
        scale=0.0,
        rotation=0.0,
        contrast=0.0,
        brightness=0.0,
        colour=0.0,
        erase=0.5,
        erase_area=(0.02, 0.4),
        mixup=1.0,
        mixup_alpha=0.2,
    ),
)
