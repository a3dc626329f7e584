"""Fine-tunes the last block of FaceNet on UTKFace: age as a number, gender and race.

Its weights are put into vggface_weights/ by hand (vggface_weights/README.md). Batch norm of the frozen layers keeps
its statistics. Without the weights, `--pretrained none` trains all layers from scratch.

Command: python face_train.py --recipe facenet_utkface --data UTKFace.tar.gz
Not trained yet: it starts from weights that its project publishes.
"""

from facekit.networks.config import NetworkConfig
from facekit.recipes import scratch_utkface
from facekit.recipes.recipe import Augmentation, Recipe, TrainingConfig

recipe = Recipe(
    name="facenet_utkface",
    network=NetworkConfig(
        backbone="facenet",
        input_size=160,
        heads=scratch_utkface.recipe.network.heads,
        hidden=(512,),
    ),
    training=TrainingConfig(
        losses=scratch_utkface.recipe.training.losses,
        dropout=0.3,
        trainable_from="Block8_6_Branch_1_Conv2d_0a_1x1",  # first of the last block's 16 layers
        epochs=20,
        batch_size=32,
        learning_rate=3e-4,
        balance=0.3,
        augmentation=Augmentation(erase=0.2, mixup=0.0),
    ),
)
