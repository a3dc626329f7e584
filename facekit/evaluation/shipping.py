"""Writes weights as they are shipped: small, with their model card, and with a graph that answers without Keras."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from facekit.datasets.mixture import load_faces
from facekit.datasets.source import DataSource
from facekit.datasets.splits import choose_side
from facekit.evaluation.evaluate import save_with_model_card
from facekit.networks.cards import Card, read_card
from facekit.networks.descriptors import Describer
from facekit.networks.hdf5 import Tensors
from facekit.networks.runtimes import load_runtime
from facekit.networks.runtimes.graphs import pack_beside
from facekit.networks.runtimes.runtime import POOLED
from facekit.networks.weights import load_network, network_tensors

DESCRIPTOR_FACES = 4000  # some times the width of a descriptor


def ship_weights(weights: Path, output: Path) -> Card:
    """Writes a weights file under another name, with batch norm folded, its model card and its packed graph.

    A training should rather start from `weights`: folding leaves the answers as they are, but not the scale on which
    batch norm learns.

    Args:
        weights: file that a training wrote.
        output: the file that is written; the weights are named after it.

    Raises:
        WeightsError: the weights cannot be used or written.
        FaceKitError: Keras does not run on TensorFlow.
    """
    network, card = load_network(weights)
    card = save_with_model_card(folded_tensors(network), replace(card, name=output.stem), output)
    pack_beside(output)
    return card


def fit_descriptor(weights: Path, source: DataSource) -> Path:
    """Fits the descriptors by which videos tell people apart, and writes them beside the weights.

    Args:
        weights: of the network.
        source: faces; those of its training side are used, `DESCRIPTOR_FACES` at most.

    Raises:
        WeightsError, DataError: the weights or the faces cannot be used.
    """
    card = read_card(weights)
    faces = load_faces(source, card.network.heads, card.network.input_size, card.chip)
    chips = choose_side(faces, "train", card.seed).chips
    chosen = np.random.default_rng(0).choice(len(chips), min(DESCRIPTOR_FACES, len(chips)), replace=False)
    features = load_runtime(weights).predict(chips[np.sort(chosen)])[POOLED]
    return Describer.fit(features).save(weights, card)


def folded_tensors(network: keras.Model) -> Tensors:
    """Returns the tensors of a network, with the scale and the mean of its batch norm in the kernels and shifts around.

    An exporter, which folds too, then finds nothing to fold, so that kernels stay float16 in the graph. Batch norm
    without scale, or behind anything but a convolution of its own without bias, is left as it is.
    """
    tensors = network_tensors(network)
    for norm in network._flatten_layers():
        if not isinstance(norm, keras.layers.BatchNormalization):
            continue
        convolution = norm.input._keras_history.operation
        alone = len(convolution._outbound_nodes) == 1  # else others would get what only batch norm scales back
        if type(convolution) is keras.layers.Conv2D and not convolution.use_bias and norm.scale and alone:
            gamma, beta, mean, variance = (tensors[value.path] for value in norm.weights)
            scale = gamma / np.sqrt(variance + norm.epsilon)
            tensors[convolution.kernel.path] = tensors[convolution.kernel.path] * scale  # the last axis: the filters
            for variable, value in zip(norm.weights, (1, beta - mean * scale, 0, 1 - norm.epsilon), strict=True):
                tensors[variable.path] = np.broadcast_to(np.float32(value), gamma.shape)
    return tensors
