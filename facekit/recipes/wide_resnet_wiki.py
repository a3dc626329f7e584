"""Trains `wide_resnet_imdb` on the Wikipedia part of IMDB-WIKI (62,328 pictures) instead.

Command: python face_train.py --recipe wide_resnet_wiki --data wiki_crop.tar
Not trained yet.
"""

from dataclasses import replace

from facekit.datasets.source import DataSource
from facekit.recipes import wide_resnet_imdb

recipe = replace(wide_resnet_imdb.recipe, name="wide_resnet_wiki", data=(DataSource("wiki", validation_share=0.1),))
