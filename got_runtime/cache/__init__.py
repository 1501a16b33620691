"""Answers that are kept: a page that was read with the same bytes, options and network is not decoded again."""

from got_runtime.cache.key import READER_VERSION, Network, weights_digest
from got_runtime.cache.page_cache import PageCache
from got_runtime.cache.store import Store, StoreInfo, default_folder, open_store

__all__ = [
    "READER_VERSION",
    "Network",
    "PageCache",
    "Store",
    "StoreInfo",
    "default_folder",
    "open_store",
    "weights_digest",
]
