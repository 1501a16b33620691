"""GOT's network in vLLM: the vision encoder and connector of :mod:`got_runtime.model.encoder`, and vLLM's own Qwen2."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from transformers.models.got_ocr2.modeling_got_ocr2 import GotOcr2MultiModalProjector, GotOcr2VisionEncoder
from vllm.config import VllmConfig
from vllm.model_executor.models.interfaces import SupportsLoRA, SupportsMultiModal, SupportsPP
from vllm.model_executor.models.module_mapping import MultiModelKeys
from vllm.model_executor.models.utils import (
    AutoWeightsLoader,
    WeightsMapper,
    init_vllm_registered_model,
    maybe_prefix,
)
from vllm.multimodal import MULTIMODAL_REGISTRY

from got_runtime.engine.vllm_engine.processing import GotDummyInputs, GotProcessingInfo, GotProcessor
from got_runtime.model.encoder import encode
from got_runtime.model.prompt import IMAGE_PAD

__all__ = ["GotForVllm"]

TILE_BATCH = 2
"""Tiles that are encoded together: a greater number takes more memory and is hardly faster."""


@MULTIMODAL_REGISTRY.register_processor(GotProcessor, info=GotProcessingInfo, dummy_inputs=GotDummyInputs)
class GotForVllm(nn.Module, SupportsMultiModal, SupportsPP, SupportsLoRA):  # type: ignore[misc]
    """The network of checkpoints in transformers' format (``GotOcr2ForConditionalGeneration``)."""

    # Checkpoints name their weights as this class does; those written by transformers 5 may have the prefix `model.`.
    hf_to_vllm_mapper = WeightsMapper(
        orig_to_new_prefix={
            "model.language_model.": "language_model.model.",
            "model.vision_tower.": "vision_tower.",
            "model.multi_modal_projector.": "multi_modal_projector.",
            "lm_head.": "language_model.lm_head.",
        }
    )

    @classmethod
    def get_placeholder_str(cls, modality: str, i: int) -> str | None:
        """The placeholder of an image in a chat message."""
        if modality.startswith("image"):
            return IMAGE_PAD
        raise ValueError(f"GOT takes images, not {modality}")

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        config = vllm_config.model_config.hf_config
        marks: Any = self  # nn.Module's types hide those of vLLM's interfaces
        with marks._mark_tower_model(vllm_config, "image"):
            self.vision_tower = GotOcr2VisionEncoder(config.vision_config)
            self.multi_modal_projector = GotOcr2MultiModalProjector(config)
        config.text_config.tie_word_embeddings = config.tie_word_embeddings
        with marks._mark_language_model(vllm_config):
            self.language_model = init_vllm_registered_model(
                vllm_config=vllm_config,
                hf_config=config.text_config,
                prefix=maybe_prefix(prefix, "language_model"),
                architectures=["Qwen2ForCausalLM"],
            )
        self.make_empty_intermediate_tensors = self.language_model.make_empty_intermediate_tensors

    def embed_multimodal(self, pixel_values: Tensor, **kwargs: object) -> list[Tensor]:
        """Image tokens ``(256, width)`` of each of ``pixel_values`` ``(images, 3, height, width)``."""
        return [
            image
            for tiles in pixel_values.split(TILE_BATCH)
            for image in encode(self.vision_tower, self.multi_modal_projector, tiles)[0]
        ]

    def forward(
        self,
        input_ids: Tensor | None,
        positions: Tensor,
        intermediate_tensors: Any = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: object,
    ) -> Any:
        """Run the decoder; returns its hidden states."""
        if intermediate_tensors is not None:
            inputs_embeds = None
        return self.language_model.model(input_ids, positions, intermediate_tensors, inputs_embeds=inputs_embeds)

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """Logits over the vocabulary."""
        logits: Tensor | None = self.language_model.compute_logits(hidden_states)
        return logits

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """Load the checkpoint's weights; returns the names of the loaded ones."""
        loaded: set[str] = AutoWeightsLoader(self).load_weights(weights, mapper=self.hf_to_vllm_mapper)
        return loaded

    def get_mm_mapping(self) -> MultiModelKeys:
        """Names of the parts, for LoRA."""
        return MultiModelKeys.from_string_field(
            language_model="language_model", connector="multi_modal_projector", tower_model="vision_tower"
        )
