"""GOT's original checkpoint format (``GOTQwenForCausalLM`` with ``qwen.tiktoken``): read as it is, or converted.

Nothing of the folder's own code is run and nothing pickled is read: names and shapes say all there is to know.
"""

from got_runtime.model.original.convert import convert
from got_runtime.model.original.folder import OriginalCheckpoint, is_original

__all__ = ["OriginalCheckpoint", "convert", "is_original"]
