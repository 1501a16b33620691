"""Numbers of the service in the format of Prometheus."""

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from got_runtime.results import PageResult

if TYPE_CHECKING:
    from got_runtime.serving.read_queue import ReadQueue

__all__ = ["Metrics"]


class Metrics:
    """Counters of one application."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "got_requests", "Requests by route and status.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "got_request_seconds",
            "Time from the first byte of a request to the last one of its answer.",
            ["route"],
            buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000),
            registry=registry,
        )
        self._pages = Counter("got_pages", "Pages by outcome.", ["finish_reason"], registry=registry)
        self._cached = Counter("got_cached_pages", "Pages whose answer was kept.", registry=registry)
        self._tokens = Counter("got_tokens", "Decoded tokens.", registry=registry)

    def watch(self, queue: "ReadQueue") -> None:
        """Add the state of a queue."""
        for name, text, read in (
            ("waiting_pages", "Pages that wait for a reader.", lambda: queue.waiting_pages),
            ("reading_pages", "Pages of documents being read, without a result.", lambda: queue.reading_pages),
            ("reading_documents", "Documents being read.", lambda: queue.reading_documents),
        ):
            Gauge(f"got_{name}", text, registry=self._registry).set_function(read)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def page(self, page: PageResult) -> None:
        """Count a result."""
        self._pages.labels(page.finish_reason).inc()
        if page.cached:
            self._cached.inc()
        else:
            self._tokens.inc(page.tokens)

    def text(self) -> bytes:
        """All numbers."""
        return generate_latest(self._registry)
