"""Labelled faces. Each data set is one file; this is the list of them."""

from facekit.datasets.all_age_faces import ALL_AGE_FACES
from facekit.datasets.appa_real import APPA_REAL
from facekit.datasets.fer2013 import FER2013
from facekit.datasets.imdb_wiki import IMDB, WIKI
from facekit.datasets.records import Dataset
from facekit.datasets.table import TABLE
from facekit.datasets.utkface import UTKFACE

DATASETS: dict[str, Dataset] = {
    "all_age_faces": ALL_AGE_FACES,
    "appa_real": APPA_REAL,
    "fer2013": FER2013,
    "imdb": IMDB,
    "table": TABLE,
    "utkface": UTKFACE,
    "wiki": WIKI,
}
