"""A plain network of thirteen 3x3 convolutions, small enough to be trained from scratch on a CPU.

Batch norm (Ioffe and Szegedy 2015) follows all convolutions but the last. The first convolutions of five stages halve
the map, the very first one included, as a map of 160x160 would cost more than all others. At 160 px a forward pass
costs 98 million multiply-adds: in millions, by stage, 18 (80 px), 22 (40 px), 22 (20 px), 22 (10 px) and 14 (5 px).
"""

import keras
from keras import layers

from facekit.faces.batch import InputSize, height_and_width

STAGES = ((16, 2), (32, 2), (64, 2), (96, 3), (128, 4))  # width and number of convolutions; the first halves the map


def conv13(input_size: InputSize = 160) -> keras.Model:
    """Builds the network with random weights (He et al. 2015, Delving Deep into Rectifiers).

    Args:
        input_size: side of the square input, or (height, width), pixels.

    Returns:
        A model from pictures (n, H, W, 3) RGB 0..255 to pooled features (n, 128).
    """
    inputs = keras.Input((*height_and_width(input_size), 3), name="picture")
    # float32 under any policy: the 8 bits of bfloat16 are too few for 256 values.
    x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="scaling")(inputs)
    strides_of_widths = [(width, 1 + (k == 0)) for width, count in STAGES for k in range(count)]
    for number, (width, strides) in enumerate(strides_of_widths, start=1):
        is_last = number == len(strides_of_widths)
        x = layers.Conv2D(
            width,
            3,
            strides=strides,
            padding="same",
            use_bias=is_last,
            kernel_initializer="he_normal",
            name=f"conv{number}",
        )(x)
        if not is_last:
            x = layers.BatchNormalization(name=f"conv{number}_bn")(x)
        x = layers.ReLU(name=f"conv{number}_relu")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="pooled")(x), name="conv13")
