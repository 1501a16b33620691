"""Makes each Ray process die when it prepares page 3 of a file named ``deadly.pdf``."""

import os
import signal
from typing import Any

from got_runtime.pipeline import planner, preprocess

__all__ = ["install"]


def install() -> None:
    """The ``worker_process_setup_hook`` of Ray."""
    prepare = preprocess.prepare_page

    def deadly(checkpoint: Any, options: Any, group: Any) -> Any:
        if group[0].number == 3 and group[0].source.endswith("deadly.pdf"):
            os.kill(os.getpid(), signal.SIGKILL)
        return prepare(checkpoint, options, group)

    vars(planner)["prepare_page"] = deadly
