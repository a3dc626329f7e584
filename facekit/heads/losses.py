"""The heads of `facekit.heads` in training: their losses, in Keras."""

from typing import Any

from keras import ops

from facekit.heads import AgeHead, Head


def head_loss(head: Head, targets: Any, probabilities: Any) -> Any:
    """Loss of each example: cross-entropy, and for ages the error of the expected value.

    Args:
        head: what is answered.
        targets: (n, classes) distributions.
        probabilities: (n, classes) the network's softmax.

    Returns:
        (n,) losses, natural logarithm, without the head's weight.
    """
    loss = -ops.sum(targets * ops.log(ops.maximum(probabilities, 1e-7)), axis=-1)
    if isinstance(head, AgeHead) and head.error_weight:
        loss += head.error_weight * ops.abs(ops.sum((probabilities - targets) * head.years, axis=-1))
    return loss
