"""GOT's images in vLLM: their pixels, and the number of tokens of an image.

transformers' ``GotOcr2Processor`` is not used, because it makes its own prompts. Prompts for vLLM have one ``<imgpad>``
for each image, which vLLM repeats.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import BatchFeature
from vllm.multimodal.inputs import MultiModalFieldConfig
from vllm.multimodal.processing import (
    BaseDummyInputsBuilder,
    BaseMultiModalProcessor,
    BaseProcessingInfo,
    PromptReplacement,
)

from got_runtime.model.checkpoint import find_folder
from got_runtime.model.image_processor import ImageProcessor
from got_runtime.model.prompt import IMAGE_PAD

__all__ = ["GotDummyInputs", "GotProcessingInfo", "GotProcessor"]


class GotProcessingInfo(BaseProcessingInfo):  # type: ignore[misc]
    """Properties of the checkpoint."""

    def get_supported_mm_limits(self) -> Mapping[str, int | None]:
        """Any number of images: tiles of a page, or several pages in one context."""
        return {"image": None}

    def get_mm_max_tokens_per_item(self, seq_len: int, mm_counts: Mapping[str, int]) -> Mapping[str, int]:
        """Every image has the same number of tokens."""
        return {"image": self.tokens_per_image}

    @property
    def tokens_per_image(self) -> int:
        """Number of patches after the connector's two convolutions of stride 2."""
        vision = self.get_hf_config().vision_config
        return int(vision.image_size // vision.patch_size // 4) ** 2

    @cached_property
    def image_processor(self) -> ImageProcessor:
        """The checkpoint's image processor."""
        config = self.ctx.model_config
        _, folder = find_folder(config.model, config.revision, local_files_only=False)
        return ImageProcessor.from_checkpoint(folder)


class GotDummyInputs(BaseDummyInputsBuilder[GotProcessingInfo]):  # type: ignore[misc]
    """Blank pages, with which vLLM measures memory."""

    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str:
        """One pad for each image."""
        return IMAGE_PAD * mm_counts.get("image", 0)

    def get_dummy_mm_data(self, seq_len: int, mm_counts: Mapping[str, int], mm_options: Any) -> dict[str, Any]:
        """White images of the network's input size."""
        side = self.info.get_hf_config().vision_config.image_size
        return {"image": self._get_dummy_images(width=side, height=side, num_images=mm_counts.get("image", 0))}


class GotProcessor(BaseMultiModalProcessor[GotProcessingInfo]):  # type: ignore[misc]
    """Converts images to pixels. Pixels as in :class:`got_runtime.engine.protocol.Request` are passed through."""

    def _call_hf_processor(self, hf_data: Mapping[str, Any], hf_kwargs: Mapping[str, object]) -> BatchFeature:
        tiles = [_pixels(image, self.info.image_processor) for image in hf_data["images"]]
        return BatchFeature({"pixel_values": torch.stack(tiles).to(self.info.ctx.model_config.dtype)})

    def _get_mm_fields_config(
        self, hf_inputs: BatchFeature, hf_processor_mm_kwargs: Mapping[str, object]
    ) -> Mapping[str, Any]:
        return {"pixel_values": MultiModalFieldConfig.batched("image")}

    def _get_prompt_updates(
        self, mm_items: Any, hf_processor_mm_kwargs: Mapping[str, object], out_mm_kwargs: Any
    ) -> Sequence[Any]:
        pad = self.info.get_hf_config().image_token_index
        return [PromptReplacement("image", target=[pad], replacement=[pad] * self.info.tokens_per_image)]


def _pixels(image: Any, processor: ImageProcessor) -> Tensor:
    """Pixels ``(3, height, width)`` of an image, or of pixels that are normalised already."""
    if isinstance(image, Tensor):
        return image
    converted = image if isinstance(image, Image.Image) else Image.fromarray(image)
    return processor.pixels([converted])[0]
