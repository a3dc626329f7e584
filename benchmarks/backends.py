"""Measures how fast the installed backends train the same network, each in a process of its own."""

import argparse
import json
import os
import subprocess
import sys
from importlib.util import find_spec

from children import ROOT, environment, machine

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--recipe", default="dlib_utkface", metavar="NAME", help="default: dlib_utkface")
parser.add_argument("--precision", default="float32", metavar="NAME", help="float32 (default) or bfloat16")
parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of all backends in turn; the fastest counts")

CHILD = """
import json, sys
from facekit.core.lazy_imports import import_keras
import_keras()
from training_setup import networks, random_data
from facekit.recipes import RECIPES
from facekit.training.throughput import measure_throughput

recipe = RECIPES[sys.argv[1]]
chips, labels = random_data(recipe)
print(json.dumps(measure_throughput(recipe, networks(recipe, [sys.argv[2]]), chips, labels, on_device=False)))
"""


def main() -> None:
    args = parser.parse_args()
    backends = [backend for backend in ("tensorflow", "jax", "torch") if find_spec(backend)]
    best = dict.fromkeys(backends, 0.0)
    for _ in range(args.rounds):
        for backend in backends:
            env = {**environment(os.devnull), "KERAS_BACKEND": backend, "PYTHONDONTWRITEBYTECODE": "1"}
            env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")])
            done = subprocess.run(
                [sys.executable, "-c", CHILD, args.recipe, args.precision], env=env, capture_output=True, text=True
            )
            if done.returncode:
                sys.exit(done.stderr)
            (rate,) = json.loads(done.stdout.splitlines()[-1]).values()
            best[backend] = max(best[backend], rate)
    print(f"{machine()}; {args.recipe}, {args.precision}; the fastest of {args.rounds} rounds")
    for backend, rate in best.items():
        print(f"{backend:<12}{rate:6.1f} chips/s")


if __name__ == "__main__":
    main()
