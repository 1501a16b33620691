"""Every option of a loader: one list for LangChain, LlamaIndex and Haystack."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from got_loaders.runtimes import ModelConfig, ModelConfigDict, RuntimeHandle, call_repr
from got_runtime.errors import OptionError

if TYPE_CHECKING:
    from got_runtime.markup import Chunk, Element
    from got_runtime.markup.token_count import CountTokens, Tokenizer
    from got_runtime.options import ReadOptions, ReadOptionsDict

    # For type checkers only: at run time the base class would import pydantic, which `import got_loaders` avoids.
    class LoaderOptions(ReadOptionsDict, ModelConfigDict, total=False):
        """The keyword arguments that every loader has: those of ``ReadOptions`` and of ``ModelConfig``."""


__all__ = ["ChunkMode", "Chunker", "LoaderConfig"]

ChunkMode = Literal["page", "document", "element", "chunk"]
"""The unit of a Document: a page, a whole source, an element (heading, paragraph, table …), a part of a section."""

Chunker = Callable[[Sequence["Element"]], Iterable["str | Chunk"]]
"""Splits the elements of one page. A ``Chunk`` names its elements, so that its Document gets their metadata; a ``str``
does not."""


@dataclass(frozen=True)
class LoaderConfig:
    """The validated options of a loader. Make one with :meth:`of`.

    Attributes:
        mode: the unit of a Document: ``"page"``, ``"document"``, ``"element"`` or ``"chunk"``.
        max_tokens: maximum size of a chunk, in the units of ``count_tokens``; for ``mode="chunk"`` only.
        chunker: replaces the built-in splitting of ``mode="chunk"``; ``max_tokens`` has no effect then.
        count_tokens: counts the tokens of a text: a callable, a Hugging Face tokenizer or a tiktoken encoding, whose
            special tokens are not counted. By default words separated by white space are counted, and each Chinese or
            Japanese character.
        read_options: what is read, and how.
        model: weights, device and engine.
    """

    mode: ChunkMode
    max_tokens: int
    chunker: Chunker | None
    count_tokens: "CountTokens | Tokenizer | None"
    read_options: "ReadOptions"
    model: ModelConfig

    @classmethod
    def of(
        cls,
        caller: str,
        options: Mapping[str, Any],
        *,
        mode: ChunkMode,
        max_tokens: int,
        chunker: Chunker | None = None,
        count_tokens: "CountTokens | Tokenizer | None" = None,
        other_names: Sequence[str] = (),
    ) -> "LoaderConfig":
        """Validate the arguments of a loader's constructor.

        Args:
            caller: name of the loader, for messages.
            options: the keyword arguments of ``ReadOptions`` and ``ModelConfig``, by name.
            mode, max_tokens, chunker, count_tokens: as in the class.
            other_names: further keyword arguments of the loader, which a message may suggest.

        Raises:
            OptionError: an unknown option (the message names the nearest one), or a value that it cannot have.
            EngineError: an engine setting that no engine can run with.
        """
        from got_runtime.markup.token_count import check_max_tokens, token_counter
        from got_runtime.options import ReadOptions

        model = {name: value for name, value in options.items() if name in ModelConfig.names()}
        read = {name: value for name, value in options.items() if name not in model}
        own_names = ("mode", "max_tokens", "chunker", "count_tokens", "runtime", *other_names)
        read_options = ReadOptions.of(read, caller=caller, other_names=[*ModelConfig.names(), *own_names])
        if mode not in get_args(ChunkMode):
            raise OptionError(f"{caller}: mode={mode!r} is not known: choose from {', '.join(get_args(ChunkMode))}")
        if mode != "chunk" and (chunker is not None or count_tokens is not None):
            name = "chunker" if chunker is not None else "count_tokens"
            raise OptionError(f'{caller}: {name}= has no effect with mode={mode!r}: use mode="chunk"')
        if chunker is not None and count_tokens is not None:
            raise OptionError(f"{caller}: chunker= decides how long a chunk is: leave count_tokens out")
        check_max_tokens(max_tokens, caller)
        if chunker is not None and not callable(chunker):
            raise OptionError(f"{caller}: chunker={chunker!r}: give a function of the elements of a page")
        token_counter(count_tokens, caller)  # raises
        return cls(
            mode=mode,
            max_tokens=max_tokens,
            chunker=chunker,
            count_tokens=count_tokens,
            read_options=read_options,
            model=ModelConfig(**model),
        )

    def described(self, loader: str, runtime: RuntimeHandle, *first: str) -> str:
        """The ``repr`` of a loader: a call with the options that differ from the defaults, without the password.

        Args:
            loader: name of the class.
            runtime: of the loader; shown if it was given.
            first: arguments that stand before the options.
        """
        defaults = LoaderConfig.of(loader, {}, mode="page", max_tokens=512)
        return call_repr(loader, self._options() | runtime.given, defaults._options(), *first)

    def _options(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("mode", "max_tokens", "chunker", "count_tokens")}
        return {**own, **dict(self.read_options), **self.model.to_dict()}

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON values, by the names of the keyword arguments. The password is left out.

        Raises:
            OptionError: ``chunker`` or ``count_tokens`` is set: functions are no JSON values.
        """
        for name, value in (("chunker", self.chunker), ("count_tokens", self.count_tokens)):
            if value is not None:
                raise OptionError(f"{name}= is a Python object and cannot be saved: leave it out, or use pickle")
        options = self.read_options.model_dump(mode="json")
        return {"mode": self.mode, "max_tokens": self.max_tokens, **options, **self.model.to_dict()}
