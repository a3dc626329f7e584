"""Number formats of a training, and the choice of the faster one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import keras

from facekit.core.errors import lookup
from facekit.networks.network import build_network
from facekit.networks.weights import assign_tensors, network_tensors
from facekit.recipes.recipe import Recipe

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # Keras's names
MARGIN = 1.2  # by which bfloat16 must be faster: it is less exact, and a measurement is not exact either


def candidates(precision: str) -> list[str]:
    """Returns the keys of POLICIES to choose from: all for "auto". Raises UnknownNameError."""
    lookup("precision", precision, {"auto": "", **POLICIES})
    return list(POLICIES) if precision == "auto" else [precision]


def choose_precision(rates: Mapping[str, float]) -> str:
    """Chooses bfloat16 where it is clearly faster than float32.

    Args:
        rates: key of POLICIES -> chips a second; where there is one, it is chosen.
    """
    return max(rates, key=lambda name: rates[name] * (MARGIN if name == "float32" else 1))


@contextmanager
def dtype_policy(name: str) -> Iterator[str]:
    """Gives layers made inside a policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield name
    finally:
        keras.config.set_dtype_policy(before)


def build_in(precision: str, recipe: Recipe) -> keras.Model:
    """Builds a recipe's network, whose random weights and dropout are the same each time and in each precision."""
    keras.utils.set_random_seed(recipe.training.seed)
    with dtype_policy(POLICIES[precision]):
        return build_network(recipe.network, recipe.training.dropout)


def copy_in(precision: str, recipe: Recipe, network: keras.Model) -> keras.Model:
    """Builds a recipe's network with the weights and the frozen layers of another."""
    copy = build_in(precision, recipe)
    assign_tensors(copy, network_tensors(network))
    for layer in network.layers:
        if layer.weights:  # others may be numbered anew
            copy.get_layer(layer.name).trainable = layer.trainable
    return copy
