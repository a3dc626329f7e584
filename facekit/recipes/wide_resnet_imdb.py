"""Trains `wide_resnet_utkface` on the IMDB part of IMDB-WIKI (460,723 pictures): ages 0 to 100, and gender.

Command: python face_train.py --recipe wide_resnet_imdb --data imdb_crop.tar
Not trained yet.
"""

from dataclasses import replace

from facekit.datasets.source import DataSource
from facekit.faces.chips import BoxChip
from facekit.heads import GENDER, AgeHead
from facekit.recipes import wide_resnet_utkface

base = wide_resnet_utkface.recipe
recipe = replace(
    base,
    name="wide_resnet_imdb",
    network=replace(base.network, heads=(AgeHead(youngest=0, oldest=100), GENDER)),
    data=(DataSource("imdb", validation_share=0.1),),
    chip=BoxChip(size=64, margin=0.4),  # of the set's own crops
)
