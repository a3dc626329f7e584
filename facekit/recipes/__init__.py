"""Recipes by name, one page each. The flagship, the page that people edit, is `face.py` beside the scripts."""

from facekit.recipes import (
    all_age_faces_bands,
    all_age_faces_gender,
    classic,
    dlib_utkface,
    dlib_utkface_polish,
    expression_fer2013,
    expression_fer2013_aligned,
    expression_fer2013_features,
    expression_fer2013_polish,
    facenet_utkface,
    mobilenet_faces,
    mobilenet_robust,
    mobilenet_utkface,
    mobilenet_utkface_balance,
    mobilenet_utkface_polish,
    scratch_utkface,
    wide_resnet_imdb,
    wide_resnet_utkface,
    wide_resnet_wiki,
)
from facekit.recipes.recipe import Recipe
from facekit.recipes.stages import StagedRecipe

_PAGES = (
    all_age_faces_bands,
    all_age_faces_gender,
    classic,
    dlib_utkface,
    dlib_utkface_polish,
    expression_fer2013,
    expression_fer2013_aligned,
    expression_fer2013_features,
    expression_fer2013_polish,
    facenet_utkface,
    mobilenet_robust,
    mobilenet_utkface,
    mobilenet_utkface_polish,
    mobilenet_utkface_balance,
    scratch_utkface,
    wide_resnet_imdb,
    wide_resnet_utkface,
    wide_resnet_wiki,
)
RECIPES: dict[str, Recipe] = {page.recipe.name: page.recipe for page in _PAGES}
STAGED_RECIPES: dict[str, StagedRecipe] = {mobilenet_faces.recipe.name: mobilenet_faces.recipe}
