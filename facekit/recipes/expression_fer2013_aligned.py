"""Continues `expression_fer2013_polish` with pictures framed as aligned chips are, 40 of their 48 pixels.

Command: python face_train.py --recipe expression_fer2013_aligned --data fer2013.csv
    --pretrained face_weights/<run of expression_fer2013_polish>-last.h5
Time: 12 minutes on two cores with AVX2.
Reached: 64.9 % of 3,310 pictures of PublicTest.
"""

from dataclasses import replace

from facekit.faces.chips import AlignedChip
from facekit.recipes import expression_fer2013_polish

base = expression_fer2013_polish.recipe
recipe = replace(
    base,
    name="expression_fer2013_aligned",
    network=replace(base.network, input_size=40),
    training=replace(
        base.training, epochs=5, learning_rate=5e-4, augmentation=replace(base.training.augmentation, erase=0.25)
    ),
    chip=AlignedChip(),
)
