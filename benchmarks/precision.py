"""Measures how good the choice of `--precision auto` is: many draws of it, against the steps of all draws together.

The networks are compiled once; a draw times their steps as a training does before it starts.
"""

import argparse
import os
import time
from dataclasses import replace
from statistics import median

from children import machine, verdict

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--recipe", default="dlib_utkface", metavar="NAME", help="default: dlib_utkface")
parser.add_argument("--draws", type=int, default=20, metavar="N", help="default: 20")
parser.add_argument("--batch-size", type=int, metavar="N", help="default: the recipe's")


def main() -> None:
    args = parser.parse_args()
    from facekit.core.lazy_imports import import_keras

    import_keras()
    from training_setup import networks, random_data

    from facekit.recipes import RECIPES
    from facekit.training.precision import MARGIN, POLICIES, choose_precision
    from facekit.training.throughput import median_steps, training_steps

    recipe = RECIPES[args.recipe]
    batch_size = args.batch_size or recipe.training.batch_size
    recipe = replace(recipe, training=replace(recipe.training, batch_size=batch_size))
    chips, labels = random_data(recipe)
    steps = {
        name: training_steps(recipe, network, chips, labels, None, on_device=False)
        for name, network in networks(recipe, list(POLICIES)).items()
    }
    isa = os.environ.get("ONEDNN_MAX_CPU_ISA", "not set")
    print(f"{machine()}, ONEDNN_MAX_CPU_ISA {isa}; {recipe.name}, batches of {batch_size}")
    for name, step in steps.items():
        print(f"{name} compiled, with its first step, in {next(step):.0f} s")
    chosen, seconds = [], []
    drawn: dict[str, list[float]] = {name: [] for name in POLICIES}
    for _ in range(args.draws):
        begun = time.perf_counter()
        rates = {name: batch_size / taken for name, taken in median_steps(steps).items()}
        seconds.append(time.perf_counter() - begun)
        chosen.append(choose_precision(rates))
        for name, rate in rates.items():
            drawn[name].append(rate)
        figures = ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items())
        print(f"{chosen[-1]:<9} of {figures} chips/s", flush=True)
    best = {name: median(found) for name, found in drawn.items()}
    print("median of all draws:", ", ".join(f"{name} {rate:.1f} chips/s" for name, rate in best.items()))
    # float32 is kept on purpose where bfloat16 is faster by less than the margin.
    for name, other, allowed in (("bfloat16", "float32", 5), ("float32", "bfloat16", 100 * (MARGIN - 1))):
        if name in chosen:
            lost = 100 * max(best[other] / best[name] - 1, 0)
            title = f"{name}, {chosen.count(name)} of {args.draws} draws: slower than {other} by"
            print(verdict(title, lost, allowed, unit=" %"))
    print(f"A draw takes {max(seconds):.0f} s at most")


if __name__ == "__main__":
    main()
