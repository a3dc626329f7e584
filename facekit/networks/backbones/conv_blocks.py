"""Four blocks of convolutions with batch norm, for small grey pictures such as those of FER2013.

Each block ends with a maximum over 2x2 pixels, as in VGG (Simonyan and Zisserman 2015); batch norm follows each
convolution (Ioffe and Szegedy 2015). A picture of 48 pixels takes 75 million multiply-adds.
"""

from typing import Any

import keras
from keras import layers, ops

from facekit.faces.batch import LUMA, InputSize, height_and_width

_LEAST_CONTRAST = 8 / 127.5  # the noise of a flat picture is not raised to that of a face
_WIDTHS = ((32,), (64,), (128, 128), (256, 256))  # of the convolutions of each block


def conv_blocks(input_size: InputSize) -> keras.Model:
    """Builds the network with random weights.

    Args:
        input_size: side of the square input, or (height, width), pixels.

    Returns:
        A model from pictures (n, H, W, 3) RGB 0..255, of which it uses the grey, to pooled features (n, 256).
    """
    inputs = keras.Input((*height_and_width(input_size), 3), name="picture")
    # float32 under any policy: the 8 bits of bfloat16 are too few for 256 values.
    x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="scaling")(inputs)
    x = layers.Rescaling(list(LUMA), dtype="float32", name="luma")(x)
    x = _standardised(ops.sum(x, axis=-1, keepdims=True))
    for block, widths in enumerate(_WIDTHS, start=1):
        for number, width in enumerate(widths, start=1):
            name = f"block{block}_conv{number}"
            x = layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)(x)
            x = layers.BatchNormalization(name=f"{name}_bn")(x)
            x = layers.ReLU(name=f"{name}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="pooled")(x), name="conv_blocks")


def _standardised(grey: Any) -> Any:
    """Shifts and scales grey pictures (n, H, W, 1) to mean 0 and standard deviation 1, flat ones to less."""
    centred = grey - ops.mean(grey, axis=(1, 2, 3), keepdims=True)
    contrast = ops.sqrt(ops.mean(ops.square(centred), axis=(1, 2, 3), keepdims=True))
    return centred / ops.maximum(contrast, _LEAST_CONTRAST)
