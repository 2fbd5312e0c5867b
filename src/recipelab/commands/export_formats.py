"""The formats of an export: each is a way to write a network with what is known of it, and to run what was written."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recipelab.core.errors import UserError

Run = Callable[[Tensor], Tensor]
Metadata = Mapping[str, str]
NAME = "recipelab.json"
"""The file within a torch.export archive that holds what is known of the network."""
OPSET = 20
"""Of ONNX: the newest that torch's exporter writes by itself, and that onnxruntime 1.17 and later run."""
MISSING = (
    "--format onnx needs onnx and onnxscript to write, and onnxruntime to check what was written"
    "\n  install them: pip install 'recipelab[onnx]'"
)


@dataclass(frozen=True)
class Format:
    """suffix: of its files. tolerance: largest difference of an output to the network's own, of the largest output.

    write: (network in eval mode on the CPU, inputs to trace it with, path, metadata, dynamic: any number of images).
    read: (path, network of the same kind, to be filled) -> what runs it, and the metadata that it holds.
    """

    suffix: str
    tolerance: float
    write: Callable[[nn.Module, Tensor, Path, Metadata, bool], None]
    read: Callable[[Path, nn.Module], tuple[Run, dict[str, str]]]


def write_safetensors(network: nn.Module, inputs: Tensor, path: Path, metadata: Metadata, dynamic: bool) -> None:
    """The weights by name: a file knows no inputs. A tensor that two names share is written under each."""
    from safetensors.torch import save_file

    # clone: safetensors refuses tensors that share memory, and channels-last ones
    state = {key: value.detach().contiguous().clone() for key, value in network.state_dict().items()}
    save_file(state, path, {"format": "pt", **metadata})


def read_safetensors(path: Path, network: nn.Module) -> tuple[Run, dict[str, str]]:
    """The weights, put into `network`."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        network.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118 - no mapping
        return network, dict(file.metadata())


def write_onnx(network: nn.Module, inputs: Tensor, path: Path, metadata: Metadata, dynamic: bool) -> None:
    """A graph of opset 20, weights within (beside it, in NAME.data, from 2 GB on, which a graph cannot hold)."""
    require_onnx()
    program = torch.onnx.export(
        _traced(network, inputs, dynamic),
        input_names=["images"],
        output_names=["outputs"],
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props.update(metadata)
    program.model.producer_name = "recipelab"
    program.save(str(path))


def read_onnx(path: Path, network: nn.Module) -> tuple[Run, dict[str, str]]:
    """The graph in onnxruntime, on the CPU."""
    require_onnx()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; its warnings are about what it could have folded
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    run = lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])  # noqa: E731
    return run, dict(session.get_modelmeta().custom_metadata_map)


def require_onnx() -> None:
    """Raise UserError without the packages of the extra `onnx`."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"{MISSING} ({error.name} is not there)") from error


def write_torch_export(network: nn.Module, inputs: Tensor, path: Path, metadata: Metadata, dynamic: bool) -> None:
    """An ExportedProgram (.pt2), to be loaded by torch.export.load."""
    torch.export.save(_traced(network, inputs, dynamic), path, extra_files={NAME: json.dumps(dict(metadata))})


def read_torch_export(path: Path, network: nn.Module) -> tuple[Run, dict[str, str]]:
    """The program as a module."""
    extra: dict[str, Any] = {NAME: ""}
    program = torch.export.load(path, extra_files=extra)
    return program.module(), json.loads(extra[NAME])


def _traced(network: nn.Module, inputs: Tensor, dynamic: bool) -> torch.export.ExportedProgram:
    """Raises UserError for a network whose operations cannot be told without running it."""
    shapes = ({0: torch.export.Dim("batch", min=1)},) if dynamic else None
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # torch's own, about its own internals
            return torch.export.export(network, (inputs,), dynamic_shapes=shapes)
    except Exception as error:  # whatever the tracer meets in somebody's forward
        reason = str(error).strip().splitlines()
        raise UserError(
            f"the network cannot be traced into a graph: {type(error).__name__}: {reason[0] if reason else ''}"
            "\n  --format safetensors writes its weights alone"
        ) from error


FORMATS = {
    "safetensors": Format(".safetensors", 0.0, write_safetensors, read_safetensors),
    "onnx": Format(".onnx", 1e-4, write_onnx, read_onnx),
    "torch-export": Format(".pt2", 1e-5, write_torch_export, read_torch_export),
}
