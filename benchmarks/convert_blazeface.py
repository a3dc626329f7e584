"""Converts MediaPipe's face_detection_back.tflite to facekit/faces/blazeface.onnx, which takes pictures of any size.

    uv run benchmarks/convert_blazeface.py face_detection_back.tflite

The answers stay maps: the file's own end flattens those of 256x256 pixels. Reading ONNX takes half the time, too.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino
from children import ROOT
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from openvino._offline_transformations import apply_moc_transformations

# Operations of the .tflite whose results are flattened -> output. Each cell of stride 16 has two anchors, of 32 six.
OUTPUTS = {"276": "scores_16", "277": "scores_32", "278": "boxes_16", "279": "boxes_32"}
SIMPLE = {"Add": "Add", "Relu": "Relu", "Convolution": "Conv", "GroupConvolution": "Conv", "MaxPool": "MaxPool"}


def main() -> None:
    core = openvino.Core()
    model = core.read_model(sys.argv[1])
    maps = {
        node.get_friendly_name(): node.input_value(0) for node in model.get_ops() if node.get_type_name() == "Reshape"
    }
    for number, name in OUTPUTS.items():
        maps[number].get_tensor().set_names({name})
    model = openvino.Model([maps[number] for number in OUTPUTS], model.get_parameters(), "blazeface")
    apply_moc_transformations(model, cf=True)
    path = ROOT / "facekit" / "faces" / "blazeface.onnx"
    onnx.save(converted(model), path)
    print(f"{path}: {path.stat().st_size:,} bytes")
    print(f"largest difference from the original's answers: {largest_difference(core, Path(sys.argv[1]), path):.1e}")


def converted(model: openvino.Model) -> onnx.ModelProto:
    """Returns the graph: `picture` (1, H, W, 3) uint8 RGB, H and W multiples of 32 -> maps."""
    nodes, tensors = [], []

    def name(value: Any) -> str:
        node = value.get_node()
        return "scaled" if node.get_type_name() == "Parameter" else node.get_friendly_name()

    def store(title: str, array: NDArray[Any]) -> str:
        if array.dtype == np.float32 and array.ndim > 1:  # float16 in the .tflite, too
            tensors.append(numpy_helper.from_array(array.astype(np.float16), f"{title}_half"))
            nodes.append(helper.make_node("Cast", [f"{title}_half"], [title], to=TensorProto.FLOAT))
        else:
            tensors.append(numpy_helper.from_array(array, title))
        return title

    middle, shift = store("middle", np.float32(127.5)), store("scale", np.float32(1 / 127.5))
    nodes.append(helper.make_node("Cast", ["picture"], ["float"], to=TensorProto.FLOAT))
    nodes.append(helper.make_node("Sub", ["float", middle], ["centred"]))
    nodes.append(helper.make_node("Mul", ["centred", shift], ["scaled"]))
    for node in model.get_ordered_ops():
        kind, title = node.get_type_name(), node.get_friendly_name()
        if kind in ("Parameter", "Result") or constant(node) is not None:
            continue
        arrays = [constant(value.get_node()) for value in node.input_values()]
        inputs = [
            store(f"{title}_{number}", array) if array is not None and kind in ("Add", "Convolution") else name(value)
            for number, (array, value) in enumerate(zip(arrays, node.input_values(), strict=True))
        ]
        given, fields = node.get_attributes(), {}
        if kind == "Transpose":
            nodes.append(helper.make_node(kind, inputs[:1], [title], perm=arrays[1].tolist()))
        elif kind == "Pad":
            pads = store(f"{title}_pads", np.concatenate(arrays[1:3]).astype(np.int64))
            nodes.append(helper.make_node(kind, [inputs[0], pads], [title]))
        else:
            if "strides" in given:
                fields = {"strides": given["strides"], "pads": [*given["pads_begin"], *given["pads_end"]]}
            if kind == "MaxPool":
                fields["kernel_shape"] = given["kernel"]
            if kind == "GroupConvolution":
                kernels = arrays[1]
                fields["group"] = len(kernels)
                inputs[1] = store(f"{title}_1", kernels.reshape(-1, *kernels.shape[2:]))
            nodes.append(helper.make_node(SIMPLE[kind], inputs, [title], **fields))
    outputs = [name(result.input_value(0)) for result in model.get_results()]
    for output, title in zip(outputs, OUTPUTS.values(), strict=True):
        nodes.append(helper.make_node("Identity", [output], [title]))
    picture = helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, "height", "width", 3])
    answers = [
        helper.make_tensor_value_info(title, TensorProto.FLOAT, [1, "rows", "columns", None])
        for title in OUTPUTS.values()
    ]
    graph = helper.make_graph(nodes, "blazeface", [picture], answers, tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    source = "face_detection_back.tflite of MediaPipe, with its last reshaping left out"
    helper.set_model_props(made, {"source": source, "copyright": "Google LLC", "licence": "Apache-2.0"})
    onnx.checker.check_model(made)
    return made


def constant(node: Any) -> NDArray[Any] | None:
    """Returns the value of an operation that has only constants before it; None for others."""
    kind = node.get_type_name()
    if kind == "Constant":
        return np.array(node.data)
    before = constant(node.input_value(0).get_node()) if kind in ("Convert", "Reshape", "Transpose") else None
    if before is None:
        return None
    if kind == "Convert":
        return before.astype(np.float32)
    if kind == "Transpose":
        return before.transpose(node.input_value(1).get_node().data)
    return before.reshape(tuple(node.output(0).shape))


def largest_difference(core: openvino.Core, original: Path, path: Path) -> float:
    """Returns the largest difference of any answer to noise."""
    picture = np.random.default_rng(0).integers(0, 256, (1, 256, 256, 3), np.uint8)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    wanted = core.compile_model(original, "CPU", settings)([picture / np.float32(127.5) - 1])
    found = core.compile_model(path, "CPU", settings)([picture])
    joined = [
        np.concatenate([found[f"{kind}_{stride}"].reshape(1, -1, n) for stride in (16, 32)], 1)
        for kind, n in (("boxes", 16), ("scores", 1))
    ]
    return max(float(np.abs(one - wanted[index]).max()) for index, one in enumerate(joined))


if __name__ == "__main__":
    main()
