"""Labelled faces. Each data set is one file; this is the list of them."""

from facekit.datasets.all_age_faces import ALL_AGE_FACES
from facekit.datasets.records import Dataset
from facekit.datasets.table import TABLE
from facekit.datasets.utkface import UTKFACE

DATASETS: dict[str, Dataset] = {"all_age_faces": ALL_AGE_FACES, "table": TABLE, "utkface": UTKFACE}
