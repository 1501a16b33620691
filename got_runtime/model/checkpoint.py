"""Loads checkpoints: the embedded got-nano, a local folder or a hub id, in transformers' format or the original one."""

import json
import math
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_runtime.errors import CheckpointInvalid, CheckpointNotFound, nearest_hint
from got_runtime.model.image_processor import ImageProcessor
from got_runtime.model.network import load_network
from got_runtime.model.original import OriginalCheckpoint, is_original
from got_runtime.model.prompt import END_OF_TEXT, END_OF_TURN, IMAGE_PAD
from got_runtime.tasks import NGRAM_BAN

if TYPE_CHECKING:
    import torch

EMBEDDED = "got-nano"
OFFICIAL = "stepfun-ai/GOT-OCR-2.0-hf"
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_DOWNLOADED_FILES = ("*.json", "*.safetensors", "*.txt", "*.tiktoken")
"""Files of a checkpoint that are downloaded. Code and pickled weights never are."""

_DEVICES = {"gpu": "cuda", "nvidia": "cuda", "metal": "mps"}
"""Common names of devices, and torch's names."""
DTYPES = {
    "float32": "float32",
    "bfloat16": "bfloat16",
    "float16": "float16",
    "fp32": "float32",
    "bf16": "bfloat16",
    "fp16": "float16",
}
"""Accepted names of dtypes, and torch's."""


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A loaded network with everything that depends on its files: tokenizer, image processor, geometry.

    Attributes:
        name: ``"got-nano"``, the name of the folder, or the hub id.
        revision: commit of a checkpoint from the hub.
        model: transformers' ``GotOcr2ForConditionalGeneration``, in evaluation mode, on its device; or, for the default
            engine, plain modules of the same names.
        tokenizer: a ``tokenizers.Tokenizer``.
        image_processor: page images → pixels of the size that the network takes.
        tokens_per_tile: image tokens of one tile (256 with the official weights).
        image_token: id of the image-pad token, which stands in a prompt once for each image token.
        end_tokens: ids that end a completion.
        ngram_ban: length of token sequences that may not occur twice, of the checkpoint itself: tokens of the official
            weights are pieces of words (20 of them), got-nano's are characters.
        context: maximum number of tokens of prompt and completion together.
        readable_width: width of characters, in pixels of a view, from which the network reads them, where its
            ``config.json`` states it (``readable_character_width``).
        folder: of its files; None for a network that was not loaded from files.
        device: that computes, where the weights of ``model`` are not on it: another library loads them again.
    """

    name: str
    revision: str | None
    model: Any
    tokenizer: Any
    image_processor: ImageProcessor
    tokens_per_tile: int
    image_token: int
    end_tokens: frozenset[int]
    ngram_ban: int
    context: int = 32_768
    readable_width: float | None = None
    folder: Path | None = None
    device: "torch.device | None" = None

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a prompt, including its special tokens."""
        return tuple(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: tuple[int, ...]) -> str:
        """Text of a completion, without special tokens."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))


def is_embedded(name: str | Path | None) -> bool:
    """Whether a checkpoint of this name is got-nano."""
    return name is None or str(name) == EMBEDDED


def find_folder(name: str | Path | None, revision: str | None, local_files_only: bool) -> tuple[str, Path]:
    """The display name and folder of a checkpoint.

    Raises:
        CheckpointNotFound: it is neither embedded, nor a folder, nor a hub id that can be reached.
    """
    if name is None or is_embedded(name):
        return EMBEDDED, Path(str(files("got_runtime").joinpath("checkpoints", EMBEDDED)))
    if Path(name).is_dir():
        return Path(name).name, Path(name)
    if _HUB_ID.fullmatch(str(name)):
        return str(name), _download(str(name), revision, local_files_only)
    raise CheckpointNotFound(
        f"no model {str(name)!r}: give {EMBEDDED!r}, a folder with config.json, or a hub id such as {OFFICIAL!r}"
    )


def _download(repository: str, revision: str | None, local_files_only: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            repository, revision=revision, local_files_only=local_files_only, allow_patterns=list(_DOWNLOADED_FILES)
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = _first_line(error) or type(error).__name__
        raise CheckpointNotFound(
            f"model {repository!r} is not in the local cache and could not be fetched ({reason}): check the id and the "
            f"network, or give a folder, or use the embedded {EMBEDDED!r}"
        ) from error
    return Path(folder)


def load(
    name: str | Path | None,
    device: str,
    dtype: str,
    revision: str | None = None,
    local_files_only: bool = False,
    compiled: bool = False,
    loaded_again: bool = False,
    plain: bool = False,
) -> LoadedModel:
    """Load weights, tokenizer and geometry onto a device; see :func:`choose_dtype` for ``compiled``.

    With ``loaded_again`` the weights stay on the CPU, in the precision that the device computes in: another library
    loads them onto it. With ``plain`` the network is made of plain modules where the checkpoint allows it
    (:mod:`got_runtime.model.plain_network`), which is enough for the default engine.

    Raises:
        CheckpointNotFound: the checkpoint is neither embedded, nor a folder, nor reachable on the hub.
        CheckpointInvalid: the files are not a GOT checkpoint, or device or dtype cannot be used.
    """
    import torch

    display, folder = find_folder(name, revision, local_files_only)
    original = OriginalCheckpoint.open(folder) if is_original(folder) else None
    if original is None:
        check_config(folder)
    chosen = choose_device(device)
    weights_on = torch.device("cpu") if loaded_again else chosen
    model = load_network(folder, weights_on, choose_dtype(dtype, chosen, compiled), original, plain)
    vision = model.config.vision_config
    tokenizer = original.tokenizer() if original else _load_tokenizer(folder)
    ids: list[Any] = [tokenizer.token_to_id(token) for token in (IMAGE_PAD, END_OF_TURN, END_OF_TEXT)]
    if None in ids:
        raise CheckpointInvalid(f"{folder}: tokenizer.json lacks {IMAGE_PAD}, {END_OF_TURN} or {END_OF_TEXT}")
    return LoadedModel(
        name=display,
        revision=commit_of(folder),
        model=model,
        tokenizer=tokenizer,
        image_processor=original.image_processor if original else ImageProcessor.from_checkpoint(folder),
        tokens_per_tile=(vision.image_size // vision.patch_size // 4) ** 2,
        image_token=ids[0],
        end_tokens=frozenset(ids[1:]),
        ngram_ban=_read_ngram_ban(folder),
        context=model.config.text_config.max_position_embeddings,
        readable_width=_readable_width(model.config, folder),
        folder=folder,
        device=chosen if loaded_again else None,
    )


def commit_of(folder: Path) -> str | None:
    """The commit of a checkpoint in the hub's cache; None for another folder."""
    return folder.name if folder.parent.name == "snapshots" else None


def check_config(folder: Path) -> None:
    """Check that a folder's ``config.json`` describes a GOT checkpoint. Raises CheckpointInvalid."""
    path = folder / "config.json"
    if not path.exists():
        raise CheckpointInvalid(f"{folder} has no config.json: give the folder of a GOT-OCR2 checkpoint")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointInvalid(f"{path} is not JSON ({error}): fetch the checkpoint again") from error
    if not isinstance(config, dict) or config.get("model_type") != "got_ocr2":
        kind = config.get("model_type") if isinstance(config, dict) else None
        raise CheckpointInvalid(f"{path} describes {kind!r}, not 'got_ocr2': give a GOT-OCR2 checkpoint")


def _read_ngram_ban(folder: Path) -> int:
    path = folder / "generation_config.json"
    if not path.exists():
        return NGRAM_BAN
    try:
        return int(json.loads(path.read_text(encoding="utf-8")).get("no_repeat_ngram_size") or NGRAM_BAN)
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointInvalid(f"{path} states no usable no_repeat_ngram_size ({error}): fetch it again") from error


def _readable_width(config: Any, folder: Path) -> float | None:
    width = getattr(config, "readable_character_width", None)
    if width is None or (isinstance(width, int | float) and not isinstance(width, bool) and 0 < width < math.inf):
        return width
    raise CheckpointInvalid(
        f"{folder / 'config.json'} states readable_character_width={width!r}: give a number of pixels, or leave it out"
    )


def _load_tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.exists():
        raise CheckpointInvalid(f"{folder} has no tokenizer.json: fetch the checkpoint again")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises the bare class
        raise CheckpointInvalid(f"{path} cannot be read ({error}): fetch the checkpoint again") from error


def choose_device(device: str) -> "torch.device":
    """The device with this name; ``auto`` is CUDA where there is a GPU, else the CPU.

    Raises:
        CheckpointInvalid: torch does not know the device, or cannot use it.
    """
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        kind, colon, index = device.partition(":")
        if kind in _DEVICES:
            reason = f"did you mean {_DEVICES[kind] + colon + index!r}?"
        else:
            reason = f"try 'cpu' ({str(error).splitlines()[0]})"
        raise CheckpointInvalid(f"device {device!r} cannot be used: {reason}") from error
    return chosen


def choose_dtype(dtype: str, device: "torch.device", compiled: bool = False) -> "torch.dtype":
    """The dtype with this name.

    ``auto`` is bfloat16 where the device computes in it (a GPU that does not emulate it; a CPU with AMX, or AVX-512
    with bf16), else float16 on CUDA and float32 on a CPU. Compiled C makes bfloat16 the faster one also with AVX2: half
    of the memory is read, and the sums are made in float32 anyway.

    Args:
        dtype: its name.
        device: that computes.
        compiled: the network is run by the default engine, which has compiled C for CPUs.

    Raises:
        CheckpointInvalid: no dtype has this name.
    """
    import torch

    dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if dtype in DTYPES:
        return dtypes[DTYPES[dtype]]
    if dtype != "auto":
        raise CheckpointInvalid(f"unknown dtype {dtype!r}: {nearest_hint(dtype, ['auto', *DTYPES])}")
    if device.type == "cuda":
        # torch.cuda.is_bf16_supported() is also true where bfloat16 is emulated, and asks the current device only.
        computes = torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if computes else torch.float16
    computes = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    if device.type == "cpu" and not computes and compiled:
        from got_runtime.model.native import grid_attention

        computes = grid_attention.load() is not None
    return torch.bfloat16 if device.type == "cpu" and computes else torch.float32


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]
