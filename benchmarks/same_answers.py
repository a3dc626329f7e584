"""Answers of the default weights, before and after a change: another checkout's against this one's.

    git worktree add ../before v0.3.0
    uv run benchmarks/same_answers.py --before ../before --data UTKFace.tar.gz

It prints the largest difference of any probability, age or bound, over the demo photographs and 500 chips of UTKFace.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from children import ROOT

# Runs in each checkout with its own facekit; knows nothing but the public names.
CHILD = """
import json, sys
import numpy as np
import facekit
from facekit import FaceEstimator
assert facekit.__file__.startswith(sys.argv.pop(1)), facekit.__file__
chips = np.load(sys.argv[1])
photographs, whole = FaceEstimator(), FaceEstimator(detector="whole_image")
faces = [face for path in sys.argv[2:] for face in photographs.estimate(path)]
faces += [face for chip in chips for face in whole.estimate(chip)]
rows = []
for face in faces:
    numbers = [face.age.years, face.age.low, face.age.high]
    for name in ("gender", "race"):
        numbers += list(face.answers[name].probabilities.values())
    rows.append([*face.box, *numbers])
print(json.dumps(rows))
"""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--before", required=True, metavar="CHECKOUT", help="the other checkout")
parser.add_argument("--data", required=True, metavar="UTKFace.tar.gz")
parser.add_argument("--chips", type=int, default=500, metavar="N")


def main() -> None:
    args = parser.parse_args()
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chips.npy"
        np.save(path, read_chips(args.data, args.chips))
        before, after = (np.array(answers(Path(root), path)) for root in (args.before, ROOT))
    if before.shape != after.shape:
        sys.exit(f"{len(before)} faces before, {len(after)} after")
    print(f"{len(after)} faces, of which {len(after) - args.chips} in the demo photographs")
    boxes, numbers = (float(part.max()) for part in np.split(abs(before - after), [4], axis=1))
    print(f"boxes differ by {boxes:g} pixels at most, answers by {numbers:.1e} (at most 1e-4)")
    sys.exit(boxes > 0 or numbers > 1e-4)


def answers(root: Path, chips: Path) -> list[list[float]]:
    """Runs the child with the facekit of a checkout."""
    photographs = sorted(map(str, (ROOT / "demo_images").glob("*.jpg")))
    environment = {**os.environ, "PYTHONPATH": str(root.resolve()), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", CHILD, str(root.resolve()), str(chips), *photographs]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def read_chips(archive: str, n: int):
    """Reads n chips that are spread over the archive."""
    import numpy as np
    from PIL import Image

    with tarfile.open(archive) as files:
        members = [member for member in files.getmembers() if member.name.endswith(".jpg")]
        chosen = members[:: max(1, len(members) // n)][:n]
        chips = []
        for member in chosen:
            content = files.extractfile(member)
            chips.append(np.asarray(Image.open(io.BytesIO(content.read())).convert("RGB")))
    return np.stack(chips)


if __name__ == "__main__":
    main()
