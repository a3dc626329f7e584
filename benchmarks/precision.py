"""Measures how good the choice of `--precision auto` is: many draws of it, against a long measurement."""

import argparse
import os
import time

from children import machine, verdict

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--recipe", default="dlib_utkface", metavar="NAME", help="default: dlib_utkface")
parser.add_argument("--draws", type=int, default=20, metavar="N", help="default: 20")


def main() -> None:
    args = parser.parse_args()
    from facekit.core.lazy_imports import import_keras

    import_keras()
    from training_setup import networks, random_data

    from facekit.recipes import RECIPES
    from facekit.training import throughput
    from facekit.training.precision import POLICIES, choose_precision

    recipe = RECIPES[args.recipe]
    built, (chips, labels) = networks(recipe, list(POLICIES)), random_data(recipe)
    print(f"{machine()}, ONEDNN_MAX_CPU_ISA={os.environ.get('ONEDNN_MAX_CPU_ISA', 'not set')}; {recipe.name}")
    chosen, seconds = [], []
    best = dict.fromkeys(POLICIES, 0.0)
    for _ in range(args.draws):
        begun = time.perf_counter()
        rates = throughput.measure_throughput(recipe, built, chips, labels, on_device=False)
        seconds.append(time.perf_counter() - begun)
        chosen.append(choose_precision(rates))
        best = {name: max(rate, rates[name]) for name, rate in best.items()}
        print(
            chosen[-1], ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items()), f"chips/s, {seconds[-1]:.0f} s"
        )
    print("fastest of all draws:", ", ".join(f"{name} {rate:.1f} chips/s" for name, rate in best.items()))
    for name in POLICIES:
        print(f"{name} is chosen in {chosen.count(name)} of {args.draws} draws")
    wrong = max(max(best.values()) / best[name] - 1 for name in chosen)
    print(verdict("The slower precision chosen, by at most", 100 * wrong, 5, unit=" %"))
    print(f"A choice takes {max(seconds):.0f} s at most")


if __name__ == "__main__":
    main()
