"""Many documents on many machines: slices of pages → rows, one for each page, on Ray or any engine of Arrow tables.

The parts know no Ray, so that another engine needs few lines: :class:`SliceLister` turns documents into slices,
:class:`SliceReader` slices into rows.
"""

from got_runtime.errors import MissingExtra

try:
    import pyarrow  # noqa: F401
except ImportError as error:
    raise MissingExtra("cluster", "pyarrow") from error

from got_runtime.cluster.cost import cost_per_million_pages
from got_runtime.cluster.lister import SliceLister
from got_runtime.cluster.ray_data import read_documents
from got_runtime.cluster.reader import ReaderSettings, SliceReader
from got_runtime.cluster.tables import DOCUMENTS, PAGES, SLICES

__all__ = [
    "DOCUMENTS",
    "PAGES",
    "SLICES",
    "ReaderSettings",
    "SliceLister",
    "SliceReader",
    "cost_per_million_pages",
    "read_documents",
]
