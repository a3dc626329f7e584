"""Writes the network of a weights file as ONNX, Keras model or SavedModel, for programs without facekit."""

from pathlib import Path

from facekit.cli import Parser, main

parser = Parser(__doc__)
parser.add_argument("--weights", metavar="FILE", help="weights with their card (default: those shipped)")
parser.add_argument(
    "--format", default="onnx", metavar="NAME", help="onnx (default), keras, or saved_model, TensorFlow's folder"
)
parser.add_argument("--output", metavar="PATH", help="what to write (default: named like the weights, here)")


def run() -> None:
    args = parser.parse_args()
    from facekit.core.errors import lookup
    from facekit.faces.batch import height_and_width
    from facekit.faces.features import feature_width
    from facekit.networks.cards import DEFAULT_WEIGHTS
    from facekit.networks.exports import FORMATS

    export_format = lookup("format", args.format, FORMATS)
    weights = Path(args.weights or DEFAULT_WEIGHTS)
    output = Path(args.output or f"{weights.stem}{export_format.ending}")
    card = export_format.write(weights, output)
    files = [path for path in output.rglob("*") if path.is_file()] if output.is_dir() else [output]
    height, width = height_and_width(card.network.input_size)
    outputs = ", ".join(f"{head.name} (n, {head.width})" for head in card.network.heads)
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{output}: {size:.1f} MB, {export_format.title}, {card.network.backbone}")
    print(f"input    picture (n, {height}, {width}, 3) float32, RGB 0..255, faces cut as the card's `chip` says")
    if card.network.features:
        print(f"input    features (n, {feature_width(card.network.features)}) float32: {card.network.features}")
    print(f"outputs  {outputs}: probabilities, before the card's `calibration`")
    print(f"licence  {card.licence}")


if __name__ == "__main__":
    main(run, parser)
