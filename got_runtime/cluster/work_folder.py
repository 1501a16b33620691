"""What a run has done, for the next one: the rows of finished slices, and the attempts whose process died.

settings.json        what the rows depend on
slices.parquet       the slices of the last listing
documents.parquet    the documents that they are of
done/ID.parquet      rows of a slice whose pages were all read
failed/ID.parquet    rows of a slice with a page that was not
attempts/KEY/…       one file for each attempt, removed when it ends; what is left, a process did not survive
kept/…               answers for single pages (see :mod:`got_runtime.cache`)
"""

import contextlib
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from got_runtime.cluster.place import Place
from got_runtime.errors import ClusterError, OptionError

__all__ = ["FOLDER", "WorkFolder"]

FOLDER = "_got-ocr"
"""Name of the folder in the output. Readers of a folder of Parquet files skip names with an underscore."""

THREADS = 16
"""Files of an object store that are read at once."""


class WorkFolder:
    """The folder of a run. Safe to use from several threads and processes.

    Args:
        output: folder or address of the run's output.

    Raises:
        ClusterError: it cannot be used.
    """

    def __init__(self, output: str) -> None:
        self.output = Place(output)
        self.address = f"{self.output.name}/{FOLDER}"
        self._place = Place(self.address)

    @property
    def kept(self) -> str:
        """Where answers for pages are kept, if no other place is named."""
        return f"{self.address}/kept"

    def check_settings(self, settings: dict[str, Any]) -> None:
        """Record the settings, or compare them with those of an earlier run.

        Raises:
            OptionError: they differ.
            ClusterError: the record cannot be read or written.
        """
        found = self.settings()
        if found is None:
            self._place.write("settings.json", json.dumps(settings, indent=1, ensure_ascii=False).encode())
        elif differences := [
            f"{name} {_shown(found.get(name))}, now {_shown(settings.get(name))}"
            for name in {**found, **settings}
            if found.get(name) != settings.get(name)
        ]:
            raise OptionError(
                f"{self.output.name} was written with other settings ({', '.join(differences)}): give another output"
            )

    def settings(self) -> dict[str, Any] | None:
        """The recorded settings; None if there are none. Raises ClusterError if they cannot be read."""
        value = self._place.read("settings.json")
        if value is None:
            return None
        try:
            settings = json.loads(value)
            if not isinstance(settings, dict):
                raise TypeError("no object")
        except (ValueError, TypeError) as error:
            raise ClusterError(f"{self.address}/settings.json is no record of a run: remove it") from error
        return settings

    def table(self, name: str) -> pa.Table | None:
        """A table that was written with :meth:`write_table`; None if there is none, or it is damaged."""
        value = self._place.read(f"{name}.parquet")
        if value is None:
            return None
        try:
            return pq.read_table(io.BytesIO(value))
        except (OSError, ValueError, pa.ArrowException):  # torn
            return None

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write a table."""
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        self._place.write(f"{name}.parquet", sink.getvalue())

    def rows(self, slice_id: str) -> pa.Table | None:
        """The rows of a slice that was finished, with or without errors."""
        done = self.table(f"done/{slice_id}")
        return done if done is not None else self.table(f"failed/{slice_id}")

    def all_rows(self, slice_ids: list[str]) -> Iterator[pa.Table | None]:
        """:meth:`rows` of many slices, in their order."""
        with ThreadPoolExecutor(THREADS) as pool:
            for start in range(0, len(slice_ids), 4 * THREADS):  # what waits is bounded
                yield from pool.map(self.rows, slice_ids[start : start + 4 * THREADS])

    def finish(self, slice_id: str, rows: pa.Table) -> None:
        """Keep the rows of a slice, in place of those of an earlier attempt."""
        failed = any(rows.column("error_type").to_pylist())
        self.write_table(f"{'failed' if failed else 'done'}/{slice_id}", rows)
        if not failed:
            self._place.remove(f"failed/{slice_id}.parquet")

    def done(self) -> set[str]:
        """Ids of slices whose pages were all read."""
        return {name.removesuffix(".parquet") for name in self._place.names("done")}

    def failed(self) -> set[str]:
        """Ids of slices with a page that was not read."""
        return {name.removesuffix(".parquet") for name in self._place.names("failed")} - self.done()

    def deaths(self, key: str) -> int:
        """Number of attempts that their process did not survive."""
        return len(self._attempts(key))

    def _attempts(self, key: str) -> list[str]:
        """Few, those of all keys together: of what is being read, and of what a process did not survive."""
        return [name for name in self._place.names("attempts") if name.startswith(f"{key}.")]

    @contextlib.contextmanager
    def attempt(self, key: str) -> Iterator[None]:
        """Count a death unless the process comes out of this."""
        name = f"attempts/{key}.{uuid4().hex}"
        self._place.write(name, b"")
        try:
            yield
        finally:
            self._place.remove(name)

    def forget_deaths(self, key: str | None = None) -> None:
        """Forget the deaths of a key, or of all."""
        for name in self._place.names("attempts") if key is None else self._attempts(key):
            self._place.remove(f"attempts/{name}")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
