"""The flagship: VGGFace2 ResNet-50 without its top, and one softmax a head. Edit this page; face_train.py trains it.

`python face.py` prints the network and what of it is trained.
"""

from facekit.cli import Parser, main
from facekit.heads import GENDER, RACE, AgeHead
from facekit.recipes.recipe import Recipe

recipe = Recipe(
    name="flagship",
    # The network: facekit/networks/backbones/__init__.py lists the others. Sizes from 197 px on.
    backbone="vggface_resnet50",
    input_size=200,
    # What it answers: 93 ages, 2 genders, 5 races. Take one away, or add ClassHead("expression", ("Calm", "Happy")).
    heads=(AgeHead(sigma=2.0, error_weight=0.2), GENDER, RACE),
    dropout=0.2,
    # What it starts from, and what stays as it is: all before this layer; None trains everything.
    pretrained="published",
    trainable_from="conv4_5_3x3_bn",
    # How long, and how fast.
    epochs=30,
    batch_size=32,
    learning_rate=3e-4,
)


def summary() -> None:
    Parser(__doc__).parse_args()
    from facekit.core.lazy_imports import import_keras

    import_keras()
    from facekit.networks.network import build_network, freeze

    network = build_network(recipe.network)
    freeze(network, recipe.trainable_from)
    network.summary(show_trainable=True)


if __name__ == "__main__":
    main(summary)
