"""Makes the default weights from published ones, stage by stage: age, gender, race and expression in one network.

Command: python face_train.py --recipe mobilenet_faces --data utkface=UTKFace.tar.gz
    --data all_age_faces=AllAgeFaces.tar.xz --data fer2013=fer2013.csv --output faces/
The same command continues where it was stopped. It was not run from its start to its end: face_weights/README.md says
what each stage of the default weights was.
"""

from facekit.recipes import (
    expression_fer2013,
    expression_fer2013_aligned,
    expression_fer2013_polish,
    mobilenet_robust,
    mobilenet_utkface,
    mobilenet_utkface_balance,
    mobilenet_utkface_polish,
)
from facekit.recipes.stages import Join, Mean, StagedRecipe, Train

recipe = StagedRecipe(
    name="mobilenet_faces",
    stages=(
        Train(mobilenet_utkface.recipe),
        Train(mobilenet_utkface_polish.recipe, start="mobilenet_utkface"),
        Train(mobilenet_utkface_balance.recipe, start="mobilenet_utkface"),
        Mean("mobilenet_mean", ("mobilenet_utkface_polish", "mobilenet_utkface_balance")),
        Train(mobilenet_robust.recipe, start="mobilenet_mean"),
        Train(expression_fer2013.recipe),
        Train(expression_fer2013_polish.recipe, start="expression_fer2013"),
        Train(expression_fer2013_aligned.recipe, start="expression_fer2013_polish"),
        Join("joined", ("mobilenet_robust", "expression_fer2013_aligned")),
    ),
)
