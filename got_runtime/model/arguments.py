"""Checks of the arguments that name a checkpoint and its device, before anything is loaded."""

import os
from collections.abc import Mapping
from typing import Any

from got_runtime.errors import OptionError

__all__ = ["check_arguments"]

_REMEDIES = {
    "device": "give a name, such as 'auto', 'cpu' or 'cuda:1'",
    "dtype": "give a name, such as 'auto', 'float32' or 'bfloat16'",
    "revision": "give the name of a branch, a tag or a commit",
    "local_files_only": "give True or False",
}


def check_arguments(name: object, devices: object, others: Mapping[str, Any]) -> None:
    """Check the types of the arguments.

    Args:
        name: the checkpoint: ``None``, a path or a hub id.
        devices: several devices, or none.
        others: device, dtype, revision and local_files_only, by name.

    Raises:
        OptionError: an argument has the wrong type.
    """
    if not isinstance(name, str | os.PathLike | None) or name == "":
        raise OptionError(f"model={name!r}: give a folder, a hub id, or None for got-nano")
    if not isinstance(devices, list | tuple) or not all(isinstance(each, str) for each in devices):
        raise OptionError(f'devices={devices!r}: give a list such as ["cuda:0", "cuda:1"], or use device=')
    for option, value in others.items():
        kinds = {"revision": str | None, "local_files_only": bool}.get(option, str)
        if not isinstance(value, kinds):
            raise OptionError(f"{option}={value!r}: {_REMEDIES[option]}")
