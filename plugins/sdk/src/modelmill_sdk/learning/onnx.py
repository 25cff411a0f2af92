"""A network as an ONNX file, checked against the original before anybody gets it."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from modelmill_sdk.errors import PluginError


def onnx_export(
    network: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    *,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    tolerance: float = 1e-3,
) -> float:
    """Write the network to ``path`` with a free batch size; give the largest difference seen.

    ``example`` is one batch of at least two rows. The file is run by ``onnxruntime`` on it, where
    that is installed, and refused with PluginError when an output differs by more than
    ``tolerance``.
    """
    network = network.eval().cpu()
    batch = torch.export.Dim.DYNAMIC
    shapes = tuple({0: batch} for _ in example)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            example,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=shapes,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise PluginError("The network could not be written as ONNX.")
    program.save(str(path))
    return _difference(network, example, path, inputs=inputs, tolerance=tolerance)


@torch.no_grad()
def _difference(
    network: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    *,
    inputs: tuple[str, ...],
    tolerance: float,
) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    fed = {name: tensor.numpy() for name, tensor in zip(inputs, example, strict=True)}
    theirs = session.run(None, fed)
    expected = network(*example)
    ours = expected if isinstance(expected, (tuple, list)) else (expected,)
    difference = max(
        float((torch.from_numpy(their) - our).abs().max())
        for their, our in zip(theirs, ours, strict=True)
    )
    if difference > tolerance:
        raise PluginError(f"The ONNX file's answers differ by {difference:g} from the network's.")
    return difference
