"""Graphs without the tensors that lie in the weights file anyway: a hundredth of their size."""

import gzip
import json
from itertools import permutations

import numpy as np

from facekit.networks.hdf5 import Tensors

_LEAST_BYTES = 64  # of a tensor; smaller ones stay in the graph
_LENGTH_DIGITS = 10


def pack_graph(graph: bytes, tensors: Tensors) -> bytes:
    """Returns a graph, compressed, in which tensors of the weights file are replaced by references to them.

    Args:
        graph: serialised, with tensors stored as in the weights file, up to the order of their axes.
        tensors: of the weights file, by path.
    """
    emptied, references = bytearray(graph), []
    for path, tensor in sorted(tensors.items(), key=lambda item: -item[1].nbytes):
        for order in permutations(range(tensor.ndim)):
            content = tensor.transpose(order).tobytes()
            at = emptied.find(content) if len(content) >= _LEAST_BYTES else -1
            if at >= 0 and any(content):
                emptied[at : at + len(content)] = bytes(len(content))
                references.append((at, path, order))
                break
    listed = json.dumps(references).encode()
    return gzip.compress(bytes(emptied) + listed + b"%0*d" % (_LENGTH_DIGITS, len(listed)), mtime=0)


def unpack_graph(packed: bytes, tensors: Tensors) -> bytes:
    """Returns the graph that `pack_graph` was given.

    Raises:
        OSError, EOFError, zlib.error, ValueError, KeyError: it is damaged, or belongs to other tensors.
    """
    content = gzip.decompress(packed)
    length = int(content[-_LENGTH_DIGITS:])
    graph = bytearray(content[: -_LENGTH_DIGITS - length])
    for at, path, order in json.loads(content[-_LENGTH_DIGITS - length : -_LENGTH_DIGITS]):
        filling = np.ascontiguousarray(tensors[path].transpose(order)).tobytes()
        graph[at : at + len(filling)] = filling
    return bytes(graph)
