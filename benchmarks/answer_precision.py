"""Measures how float16 and bfloat16 would change the default weights' answers and speed: why answers use float32."""

import argparse
import sys
import time

from children import ROOT, machine

sys.path.insert(0, str(ROOT))
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="train_data/UTKFace*", metavar="PATH", help="UTKFace, as for face_evaluate.py")


def main() -> None:
    args = parser.parse_args()
    import numpy as np

    from facekit.core.lazy_imports import import_openvino
    from facekit.datasets.mixture import load_faces
    from facekit.datasets.source import DataSource
    from facekit.datasets.splits import choose_side
    from facekit.heads import AGE
    from facekit.networks.cards import DEFAULT_WEIGHTS, read_card
    from facekit.networks.runtimes.graphs import load_graph

    card = read_card(DEFAULT_WEIGHTS)
    graph = load_graph(DEFAULT_WEIGHTS, card)
    faces = load_faces(DataSource("utkface", args.data), card.network.heads, card.network.input_size)
    chips = choose_side(faces, "validation", card.seed).chips.astype(np.float32)
    core = import_openvino().Core()
    exact: dict[str, np.ndarray] = {}
    print(f"{machine()}; {len(chips)} chips, eight at a time, fastest batch\n")
    for precision in ("f32", "f16", "bf16"):
        settings = {"INFERENCE_PRECISION_HINT": precision}
        request = core.compile_model(core.read_model(graph), "CPU", settings).create_infer_request()
        answers: dict[str, list[np.ndarray]] = {head.name: [] for head in card.network.heads}
        taken = []
        for at in range(0, len(chips) // 8 * 8, 8):
            start = time.perf_counter()
            result = request.infer([chips[at : at + 8]])
            taken.append((time.perf_counter() - start) / 8)
            for name, rows in answers.items():
                rows.append(result[name])
        probabilities = {name: np.concatenate(rows) for name, rows in answers.items()}
        exact = exact or probabilities
        years = abs(AGE.values(probabilities["age"]) - AGE.values(exact["age"]))
        other = max(abs(probabilities[name] - exact[name]).max() for name in ("gender", "race"))
        print(
            f"{precision:<5} {1000 * min(taken):5.2f} ms a face; ages differ by {years.mean():.3f} years on average, "
            f"{years.max():.2f} at most, probabilities of gender and race by {other:.3f} at most"
        )


if __name__ == "__main__":
    main()
