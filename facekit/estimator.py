"""Pictures -> estimates of the faces in them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import FaceKitError
from facekit.estimates import Cut, FaceEstimate, PictureEstimate
from facekit.faces.batch import FaceBatch
from facekit.faces.detectors import Box, Detection, detection_fault
from facekit.faces.finder import FaceFinder
from facekit.faces.images import Item, Picture, read_picture
from facekit.faces.quality import batch_quality
from facekit.heads import Answer, Head, select_heads
from facekit.heads.answer import LIMITS
from facekit.networks.cards import DEFAULT_WEIGHTS
from facekit.networks.descriptors import DESCRIPTOR
from facekit.networks.predictor import Predictor

if TYPE_CHECKING:
    from facekit.networks.runtimes.runtime import Outputs

# A batch is full with this many faces, pictures, or bytes of pictures. On a CPU, batches of eight faces would save 1 ms
# a face, of the 150 ms that a photograph takes, and cost 12 MB.
_FACES, _PICTURES, _BYTES = 4, 8, 16_000_000


class FaceEstimator:
    """Estimates age, gender and race, or whatever its networks answer, of the faces in pictures.

    Args:
        weights: file that a training wrote, or a checkpoint of the original scripts; several of them, where the first
            that has a head answers it; None for the default weights.
        detector: "blazeface", "hog", "cnn", or "whole_image" if each picture is one face.
        landmarks: 5 or 68 points by which a face is aligned; None for what the weights were trained with.
        heads: names of those to answer, None for all.
        min_face: width of the smallest faces to find, pixels; None for 60, more in pictures over 2400 px.
        min_score: lowest detector score of a face in a picture; None for the detector's own choice. Videos ignore it:
            tracks are confirmed by several detections.
        runtime: "openvino", "keras", or "auto" for Keras on a GPU and OpenVINO elsewhere.

    Raises:
        WeightsError: the weights cannot be used.
        UnknownNameError: no such detector, head, runtime or number of landmarks.

    >>> from facekit import FaceEstimator
    >>> (face,) = FaceEstimator().estimate("demo_images/astronaut.jpg")
    >>> face.gender.label
    'Female'
    """

    def __init__(
        self,
        weights: str | Path | Sequence[str | Path] | None = None,
        *,
        detector: str = "blazeface",
        landmarks: int | None = None,
        heads: Sequence[str] | None = None,
        min_face: int | None = None,
        min_score: float | None = None,
        runtime: str = "auto",
    ) -> None:
        given = [weights] if isinstance(weights, str | Path) else weights or ()
        paths = [Path(path) for path in given if path != ""] or [DEFAULT_WEIGHTS]
        predictors = [Predictor(path, runtime) for path in paths]
        known: dict[str, tuple[Head, Predictor]] = {}
        for predictor in predictors:
            for head in predictor.card.network.heads:
                known.setdefault(head.name, (head, predictor))
        self.heads = select_heads([head for head, _ in known.values()], heads)
        asked = {head.name for head in self.heads}
        # Predictor -> names of the heads that it answers; one that answers none of those asked for is not run.
        self._answers = {
            predictor: [name for name, (_, owner) in known.items() if owner is predictor]
            for predictor in predictors
            if any(owner is predictor for name, (_, owner) in known.items() if name in asked)
        }
        # A copy in another process answers beside others on the same processor: never on a GPU.
        self._copy = partial(
            FaceEstimator,
            paths,
            detector=detector,
            landmarks=landmarks,
            heads=heads,
            min_face=min_face,
            min_score=min_score,
            runtime="openvino",
        )
        first = next(iter(self._answers))
        self.card, self.weights = first.card, first.weights
        self.detector, self.min_face, self.runtime = detector, min_face, runtime
        self._finder = FaceFinder(detector, min_face, landmarks, min_score)
        for predictor in self._answers:
            self._finder.rule(predictor.card.chip).load()

    def __reduce__(self) -> tuple[Callable[[], "FaceEstimator"], tuple[()]]:
        return self._copy, ()

    def load(self) -> None:
        """Loads the networks and runs each once, so that the first face need not wait."""
        for predictor in self._answers:
            side = predictor.card.chip.size
            predictor.predict(np.zeros((1, side, side, 3), np.uint8))

    @property
    def digests(self) -> list[str]:
        """SHA-256 of the tensors of each network that is run."""
        return [predictor.card.tensors_sha256 for predictor in self._answers]

    @property
    def has_descriptor(self) -> bool:
        """Whether `predict` describes faces by DESCRIPTOR."""
        return any(predictor.describer for predictor in self._answers)

    def keep_graphs(self) -> None:
        """Exports the graphs that OpenVINO runs, where they are not kept yet: once for all copies of this estimator."""
        from facekit.networks.runtimes.graphs import load_graph

        for predictor in self._answers:
            load_graph(predictor.weights, predictor.card)

    def estimate(self, photograph: Item) -> list[FaceEstimate]:
        """Estimates the faces of one photograph, from left to right; all go through the network together.

        Args:
            photograph: path, content of a file, Pillow picture, or RGB uint8 array (H, W, 3).

        Raises:
            PictureError: it cannot be read.
        """
        (faces,) = self.estimate_many([photograph])
        return faces

    def estimate_many(self, photographs: Iterable[Item]) -> Iterator[list[FaceEstimate]]:
        """Yields the faces of each photograph; as `estimate_batch`, but the first that cannot be read ends it.

        Raises:
            PictureError: one cannot be read; after the answers for those before it.
        """
        for result in self.estimate_batch(photographs):
            if isinstance(result, FaceKitError):
                raise result
            yield result.faces

    def estimate_batch(self, items: Iterable[Item], workers: int = 1) -> Iterator[PictureEstimate | FaceKitError]:
        """Yields one result or error for each item, in order.

        Args:
            items: paths, contents of files, Pillow pictures, or RGB uint8 arrays (H, W, 3); read as they are needed.
            workers: number of processes. One is this process, where faces of several pictures share batches, and each
                result holds its picture: iterate rather than collect where there are many. More are processes of their
                own, see `facekit.parallel.Workers`; a result then reads its picture when it is asked for it.

        Raises:
            UsageError, FaceKitError: as `Workers`.
        """
        if workers != 1:
            from facekit.parallel import Workers

            with Workers(self, workers) as processes:
                for item, found in processes.map(estimate_alone, ((item, item) for item in items)):
                    yield found if isinstance(found, FaceKitError) else PictureEstimate(item, *found)
            return
        batch: deque[_Found | FaceKitError] = deque()
        faces = n_bytes = 0
        for item in items:
            batch.append(self._find(item))
            if isinstance(batch[-1], _Found):
                faces, n_bytes = faces + len(batch[-1].detections), n_bytes + batch[-1].picture.nbytes
            if faces >= _FACES or len(batch) >= _PICTURES or n_bytes >= _BYTES:
                yield from self._answer(batch)
                faces = n_bytes = 0
        yield from self._answer(batch)

    def cut(self, picture: Picture, boxes: Sequence[Box], scores: Sequence[float | None] | None = None) -> Cut:
        """Cuts faces whose boxes are known as the networks want them.

        Args:
            picture: RGB uint8 (H, W, 3).
            boxes: n of them, as the detector draws them.
            scores: of the detector; None if unknown.
        """
        rules = dict.fromkeys(predictor.card.chip for predictor in self._answers)
        batches = {rule: self._finder.cut(picture, boxes, rule) for rule in rules}
        scored = zip(boxes, scores or [None] * len(boxes), strict=True)
        faults = [detection_fault(self.detector, box, score) for box, score in scored]
        return Cut(batches, batch_quality(next(iter(batches.values())), faults))

    def predict(self, faces: Cut | Picture) -> "Outputs":
        """Runs the networks on faces that were cut; all in one batch.

        Args:
            faces: as `cut` returns them, or chips (n, S, S, 3) for all networks.

        Returns:
            Head's name -> calibrated values (n, width), and DESCRIPTOR -> (n, D) if a network has a describer.
        """
        outputs: Outputs = {}
        for predictor, names in self._answers.items():
            batch = faces.batches[predictor.card.chip] if isinstance(faces, Cut) else faces
            rows = predictor.predict(batch)
            outputs |= {name: rows[name] for name in names}
            if DESCRIPTOR in rows:
                outputs.setdefault(DESCRIPTOR, rows[DESCRIPTOR])
        return outputs

    def decode(
        self, outputs: Mapping[str, NDArray[np.floating]], quality: Sequence[float] | None = None
    ) -> list[dict[str, Answer]]:
        """Returns n times head's name -> answer, of the heads that were asked for.

        Args:
            outputs: head's name -> values (n, width).
            quality: of each view, n times 0 to 1: answers to poor ones are unsure. None if unknown.
        """
        names, columns = [head.name for head in self.heads], [head.decode(outputs[head.name]) for head in self.heads]
        faces = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        return [
            {name: answer.doubted() for name, answer in face.items()} if value < LIMITS.minimum_quality else face
            for face, value in zip(faces, [1.0] * len(faces) if quality is None else quality, strict=True)
        ]

    def _find(self, item: Item) -> "_Found | FaceKitError":
        try:
            picture = read_picture(item)
            detections = self._finder.detect(picture)
            boxes, scores = [found.box for found in detections], [found.score for found in detections]
            return _Found(picture, detections, self.cut(picture, boxes, scores))
        except FaceKitError as error:
            return error

    def _answer(self, batch: "deque[_Found | FaceKitError]") -> Iterator[PictureEstimate | FaceKitError]:
        """Answers a batch and empties it, so that each picture is released as soon as the caller is done with it."""
        answers = iter(self._answers_of([entry.cut for entry in batch if isinstance(entry, _Found)]))
        while batch:
            entry = batch.popleft()
            if isinstance(entry, FaceKitError):
                yield entry
            else:
                faces = [FaceEstimate(face.box, face.score, *next(answers)) for face in entry.detections]
                height, width = entry.picture.shape[:2]
                yield PictureEstimate(entry.picture, width, height, faces)

    def _answers_of(self, cuts: Sequence[Cut]) -> list[tuple[dict[str, Answer], float]]:
        """Returns the answers and the quality of all faces of several pictures, in one batch."""
        if not any(len(cut.chips) for cut in cuts):  # and no network needs to be loaded
            return []
        rules = cuts[0].batches
        quality = [value for cut in cuts for value in cut.quality]
        batches = {rule: FaceBatch.concatenate([cut.batches[rule] for cut in cuts]) for rule in rules}
        return list(zip(self.decode(self.predict(Cut(batches, quality)), quality), quality, strict=True))


def estimate_alone(estimator: FaceEstimator, item: Item) -> tuple[int, int, list[FaceEstimate]] | FaceKitError:
    """Answers one picture; returns its width and height, and the faces."""
    (result,) = estimator.estimate_batch([item])
    return result if isinstance(result, FaceKitError) else (result.width, result.height, result.faces)


@dataclass(frozen=True)
class _Found:
    """A picture whose faces wait for their answers."""

    picture: Picture
    detections: list[Detection]
    cut: Cut
