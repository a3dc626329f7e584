"""Writes the network of a weights file as an ONNX graph, for programs without facekit and Keras."""

from pathlib import Path

from facekit.cli import Parser, main

parser = Parser(__doc__)
parser.add_argument("--weights", metavar="FILE", help="weights with their card (default: those shipped)")
parser.add_argument("--output", metavar="FILE.onnx", help="what to write (default: named like the weights, here)")


def run() -> None:
    args = parser.parse_args()
    from facekit.faces.features import feature_width
    from facekit.networks.cards import DEFAULT_WEIGHTS
    from facekit.networks.runtimes.graphs import OPSET, write_onnx

    weights = Path(args.weights or DEFAULT_WEIGHTS)
    output = Path(args.output or f"{weights.stem}.onnx")
    card = write_onnx(weights, output)
    side = card.network.input_size
    outputs = ", ".join(f"{head.name} (n, {head.width})" for head in card.network.heads)
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, ONNX opset {OPSET}, {card.network.backbone}")
    print(f"input    picture (n, {side}, {side}, 3) float32, RGB 0..255, faces cut as the card's `chip` says")
    if card.network.features:
        print(f"input    features (n, {feature_width(card.network.features)}) float32: {card.network.features}")
    print(f"outputs  {outputs}: probabilities, before the card's `calibration`")
    print(f"licence  {card.licence}")


if __name__ == "__main__":
    main(run, parser)
