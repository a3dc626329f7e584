import sys
from dataclasses import replace
from pathlib import Path
from facekit.quiet import quiet_imports
with quiet_imports():
    import keras
from facekit.recipes.dlib_utkface import recipe
from facekit.training.run import Run, Settings
run = Run(Settings(recipe, "utkface", "../shared/data/UTKFace.tar.gz"), Path("logs") / sys.argv[1], Path("logs/weights"))
run.prepare()
print({k: len(v) for k, v in run.places.items()}, run.faces.dropped, run.policy)
card = run.train()
print(card.figures)
