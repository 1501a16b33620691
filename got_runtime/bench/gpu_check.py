"""The first minutes on a GPU, as one command: ``python -m got_runtime.bench.gpu_check``.

Every stage prints what was expected and what is measured. Finished stages are kept in a file, so that the command can
be repeated after a failure: it goes on with the stages that failed or did not run. On a GPU each stage runs in a
process of its own, since an error of CUDA makes a process useless, and ends after a time limit.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from got_runtime.bench.gpu_subject import Check

__all__ = ["main"]

STAGE_TIMEOUT_S = 900
_CUDA_BATCH_SIZES, _CPU_BATCH_SIZES = "1,32,128,256", "1,2"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages; 0 if all of them passed, 1 if one failed, 2 for an option that cannot be used."""
    from got_runtime.errors import GotError

    parser = _parser()
    args = parser.parse_args(arguments)
    try:
        return _run(args)
    except GotError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m got_runtime.bench.gpu_check", description=(__doc__ or "").strip())
    parser.add_argument("--device", default="auto", help="auto (default), cuda, cuda:1, or cpu to try the command")
    parser.add_argument("--model", help="random (full size, default on a GPU), got-nano (default on a CPU), or another")
    parser.add_argument("--batch-size", metavar="N,…", help=f"default: {_CUDA_BATCH_SIZES}")
    parser.add_argument("--tokens", type=int, help="of a page, on average (default: 1000; 12 on a CPU)")
    parser.add_argument("--json", type=Path, default=Path("gpu_check.json"), metavar="FILE", help="the finished stages")
    parser.add_argument("--stages", metavar="NAME,…", help="only these")
    parser.add_argument("--again", action="store_true", help="also run the stages that are finished")
    parser.add_argument("--in-process", action="store_true", help="run stages in this process also on a GPU")
    return parser


def _run(args: argparse.Namespace) -> int:
    from got_runtime.bench.gpu_stages import STAGES
    from got_runtime.errors import GotError

    names = [name for name in (args.stages or ",".join(STAGES)).split(",") if name]
    for name in names:
        if name not in STAGES:
            raise GotError(f"--stages {name}: choose from {', '.join(STAGES)}")
    check = _check(args)
    results = _finished(args.json, check)
    for name in names:
        result = results.get(name)
        if result is None or "error" in result or args.again:
            isolated = check.device.startswith("cuda") and not args.in_process
            result = _in_child(name, check, args.json) if isolated else _result(name, check)
            results = _finished(args.json, check) | {name: result}
            _write(args.json, check, results)
        else:
            print(f"{name}: finished before (--again repeats it)")
        _print(name, result)
    return int(any("error" in result or _failed(result) for result in (results[name] for name in names)))


def _check(args: argparse.Namespace) -> "Check":
    from got_runtime.bench.gpu_subject import Check
    from got_runtime.errors import GotError
    from got_runtime.model.checkpoint import choose_device

    device = choose_device(args.device)
    on_gpu = device.type == "cuda"
    text = args.batch_size or (_CUDA_BATCH_SIZES if on_gpu else _CPU_BATCH_SIZES)
    if not all(part.isascii() and part.isdigit() and int(part) for part in text.split(",")):
        raise GotError(f"--batch-size {text}: give whole numbers from 1, with commas between")
    sizes = tuple(int(part) for part in text.split(","))
    return Check(
        str(device), args.model or ("random" if on_gpu else "got-nano"), sizes, args.tokens or (1000 if on_gpu else 12)
    )


def _result(name: str, check: "Check") -> dict[str, Any]:
    """What a stage found before it ended, and the error that ended it."""
    from dataclasses import asdict

    from got_runtime.bench.gpu_stages import STAGES

    findings: list[dict[str, Any]] = []
    try:
        for finding in STAGES[name](check):
            findings.append(asdict(finding))  # noqa: PERF401 - those before an error are kept
    except Exception as error:  # noqa: BLE001 - the stage failed, the others go on
        return {"findings": findings, "error": _described(error)}
    return {"findings": findings}


def _described(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"


def _in_child(name: str, check: "Check", file: Path) -> dict[str, Any]:
    """Run a stage in another process, which writes its result to the file."""
    sizes = ",".join(map(str, check.batch_sizes))
    options = ["--device", check.device, "--model", check.model, "--batch-size", sizes, "--tokens", str(check.tokens)]
    _write(file, check, {key: each for key, each in _finished(file, check).items() if key != name})
    command = [sys.executable, "-m", "got_runtime.bench.gpu_check", *options, "--json", str(file)]
    try:
        done = subprocess.run(
            [*command, "--stages", name, "--again", "--in-process"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=STAGE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"findings": [], "error": f"not finished after {STAGE_TIMEOUT_S} s"}
    result: dict[str, Any] | None = _finished(file, check).get(name)
    if done.returncode not in (0, 1) or result is None:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"findings": [], "error": f"its process ended with exit code {done.returncode}: {last}"}
    return result


def _finished(file: Path, check: "Check") -> dict[str, Any]:
    """The stages in a file, if they are of the same device, network and torch."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return dict(kept["stages"]) if kept["of"] == _of(check) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _of(check: "Check") -> dict[str, Any]:
    import torch

    name = torch.cuda.get_device_name(check.device) if check.device.startswith("cuda") else check.device
    return {
        "device": name,
        "model": check.model,
        "batch_sizes": list(check.batch_sizes),
        "tokens": check.tokens,
        "torch": str(torch.__version__),
    }


def _write(file: Path, check: "Check", results: dict[str, Any]) -> None:
    beside = file.with_name(f"{file.name}.new")
    beside.write_text(json.dumps({"of": _of(check), "stages": results}, indent=1), encoding="utf-8")
    beside.replace(file)


def _failed(result: dict[str, Any]) -> bool:
    return any(finding["passed"] is False for finding in result["findings"])


def _print(name: str, result: dict[str, Any]) -> None:
    for finding in result["findings"]:
        mark = {True: "ok", False: "NOT AS EXPECTED", None: "-"}[finding["passed"]]
        print(f"{name}: {finding['what']}: expected {finding['expected']}; measured {finding['measured']} [{mark}]")
    if "error" in result:
        print(f"{name}: FAILED: {result['error']}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
