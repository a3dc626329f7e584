"""The flagship: VGGFace2 ResNet-50 without its top, and one softmax a head. Edit this page; face_train.py trains it.

`python face.py` prints the network and which layers are trained.
"""

from facekit.cli import Parser, main
from facekit.datasets.source import DataSource
from facekit.heads import AGE, GENDER, RACE, AgeLoss
from facekit.networks.config import NetworkConfig
from facekit.recipes.recipe import Recipe, TrainingConfig

recipe = Recipe(
    name="flagship",
    network=NetworkConfig(
        backbone="vggface_resnet50",  # facekit/networks/backbones/__init__.py lists the others
        input_size=200,  # pixels, from 197 on
        # The answers: 93 ages, 2 genders, 5 races. Remove one, or add ClassHead("expression", ("Calm", "Happy")).
        heads=(AGE, GENDER, RACE),
    ),
    training=TrainingConfig(
        losses={"age": AgeLoss(sigma=2.0, error_weight=0.2)},
        dropout=0.2,
        # The weights that it starts from, and the first layer that is trained; None trains all.
        pretrained="published",
        trainable_from="conv4_5_3x3_bn",
        # Length and speed.
        epochs=30,
        batch_size=32,
        learning_rate=3e-4,
    ),
    # Add sources with other labels, e.g. DataSource("all_age_faces", split="official").
    data=(DataSource("utkface"),),
)


def summary() -> None:
    Parser(__doc__).parse_args()
    from facekit.core.lazy_imports import import_keras

    import_keras()
    from facekit.networks.network import build_network, freeze

    network = build_network(recipe.network, recipe.training.dropout)
    try:
        freeze(network, recipe.training.trainable_from)
    finally:  # also where the network has no such layer: the summary shows those that it has
        network.summary(show_trainable=True)


if __name__ == "__main__":
    main(summary)
