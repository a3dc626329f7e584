"""Networks of keras.applications: names that do not depend on the process, and their published weights."""

import keras
import numpy as np
import pytest

from facekit.core.errors import WeightsError
from facekit.networks.backbones import BACKBONES, imagenet
from facekit.networks.backbones.imagenet import _names, inception_v3, vgg16_imagenet


def test_vgg16_has_published_weights_and_their_scaling(monkeypatch: pytest.MonkeyPatch) -> None:
    published = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    network = vgg16_imagenet(32)
    monkeypatch.setitem(imagenet.APPLICATIONS, "vgg16_imagenet", lambda **given: published)
    BACKBONES["vgg16_imagenet"].load_pretrained(network)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    expected = published(keras.applications.vgg16.preprocess_input(pictures.copy()))
    np.testing.assert_allclose(network(pictures), np.mean(expected, axis=(1, 2)), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_inception_v3_has_published_weights_and_names_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    published = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(75, 75, 3))
    network, again = inception_v3(75), inception_v3(75)
    assert [variable.path for variable in network.variables] == [variable.path for variable in again.variables]
    monkeypatch.setitem(imagenet.APPLICATIONS, "inception_v3", lambda **given: published)
    BACKBONES["inception_v3"].load_pretrained(network)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 75, 75, 3)).astype(np.float32)
    expected = published(keras.applications.inception_v3.preprocess_input(pictures.copy()))
    np.testing.assert_allclose(network(pictures), np.mean(expected, axis=(1, 2)), rtol=1e-4, atol=1e-4)


def test_names_do_not_depend_on_what_was_built_before() -> None:
    def build(first: int) -> keras.Model:
        x = inputs = keras.Input((4, 4, 3), name="picture")
        for number, name in enumerate(("mixed9_0", f"conv2d_{first}" if first else "conv2d", f"conv2d_{first + 1}")):
            x = keras.layers.Conv2D(2, 1, name=name)(x) if number else keras.layers.Activation("relu", name=name)(x)
        return keras.Model(inputs, x)

    for first in (0, 9, 99):
        assert [*_names(build(first)).values()] == ["picture", "mixed9_0", "conv2d1", "conv2d2"]


@pytest.mark.parametrize("name", imagenet.APPLICATIONS)
def test_without_a_connection_the_error_says_what_to_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**given: object) -> keras.Model:
        raise Exception("URL fetch failure on https://example.org/a.h5: None -- refused\nand more")

    monkeypatch.setitem(imagenet.APPLICATIONS, name, fail)
    message = rf"^The ImageNet weights of {name} cannot be downloaded: URL fetch .* refused\. Start from .*: pretr.*\.$"
    with pytest.raises(WeightsError, match=message) as caught:
        BACKBONES[name].load_pretrained(keras.Model())
    assert caught.value.argument == "pretrained"
