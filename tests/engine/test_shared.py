"""One batch for all callers: fairness, cancelling, interrupts, and closing, without a network."""

import random
import statistics
import threading
import time
from collections.abc import Iterator

import pytest
from helpers.deadlines import in_time
from helpers.engine_requests import generate
from helpers.virtual_rows import VirtualEngine, request_of

from got_runtime.engine.protocol import Completed, Event, Session, Token, completions
from got_runtime.errors import EngineError


def steps_until_done(session: Session, most: int = 10_000) -> int:
    """Steps until the session has a completion."""
    for count in range(1, most):
        if any(isinstance(event, Completed) for event in session.step()):
            return count
    raise AssertionError("it never ended")


def filled(engine: VirtualEngine, steps: int, requests: int = 50) -> Session:
    """A session that adds as many requests as there is room for, until the batch is full."""
    session = engine.session()
    id = 0
    for _ in range(4 * engine.rows.batch_size):  # further requests begin slowly before the first one ends
        while session.has_room() and id < requests:
            session.add(id, request_of(steps))
            id += 1
        session.step()
    assert len(engine.rows.running) == engine.rows.batch_size
    return session


def test_sessions_share_one_batch() -> None:
    engine = VirtualEngine(8)
    sessions = [engine.session() for _ in range(4)]
    for session in sessions:
        session.add(7, request_of(30))
    events: list[list[Event]] = [[] for _ in sessions]
    while not all(any(isinstance(event, Completed) for event in each) for each in events):
        for session, each in zip(sessions, events, strict=True):
            each += session.step()
    assert max(engine.rows.rows_in_steps) == 4
    assert len(engine.rows.rows_in_steps) < 40
    for each in events:
        assert [event.token for event in each if isinstance(event, Token)] == list(range(30))
        assert {event.id for event in each} == {7}


def test_a_picture_does_not_wait_behind_a_long_document() -> None:
    engine = VirtualEngine(8)
    long = filled(engine, steps=1000)
    picture = engine.session()
    picture.add(0, request_of(20))
    assert steps_until_done(picture) <= 21
    assert len(engine.rows.running) == 8
    long.close()


def test_a_picture_does_not_wait_for_the_pages_of_a_document_whose_rows_end_meanwhile() -> None:
    """Prefilling takes as long as 50 steps; the document's rows all end while the picture is read."""
    engine = VirtualEngine(4, prefill_seconds=50.0)
    document = engine.session()
    for id in range(4):
        document.add(id, request_of(1 + id))
        document.step()
    while engine.rows.running:
        document.step()
    for id in range(4, 8):
        document.add(id, request_of(30))
    document.step()
    started, picture = engine.rows.now, engine.session()
    picture.add(0, request_of(40))
    while not any(isinstance(event, Completed) for event in picture.step()):
        document.step()
    assert engine.rows.now - started <= 50 + 40 + 1


def page_seconds(came: float) -> float:
    """Time that a page of 150 tokens takes when it comes at a moment of the reading of a document.

    Prefilling takes as long as 125 steps, about as with got-nano on two cores.
    """
    engine = VirtualEngine(8, prefill_seconds=125.0)
    reading, page, id = engine.session(), None, 0
    while True:
        while reading.has_room():
            reading.add(id, request_of(150))
            id += 1
        if page is None and engine.rows.now >= came:
            page = engine.session()
            page.add(0, request_of(150))
        events = (page or reading).step()  # of all rows, whoever makes it
        if page is not None and any(isinstance(event, Completed) for event in events):
            return engine.rows.now - came


def test_a_page_beside_a_document_takes_twice_its_time_alone_at_most_whenever_it_comes() -> None:
    alone = 125 + 150
    times = [page_seconds(came) for came in range(0, 4000, 53)]
    assert max(times) <= 2.1 * alone
    assert statistics.median(times) <= 1.6 * alone


def test_free_rows_go_to_the_session_with_the_fewest_rows() -> None:
    engine = VirtualEngine(6)
    sessions = [engine.session() for _ in range(3)]
    numbers = iter(range(10_000))
    for _ in range(60):
        for session in sessions:
            while session.has_room():
                session.add(next(numbers), request_of(10))
            session.step()
    rows = [len(member.rows) for member in engine.batch._members]
    assert sum(rows) >= 5
    assert max(rows) <= 2


def test_waiting_requests_are_bounded() -> None:
    engine = VirtualEngine(4)
    session = filled(engine, steps=1000)
    if session.has_room():
        session.add(100, request_of(5))
    assert not session.has_room()


def test_few_requests_of_a_document_wait_while_another_caller_waits_for_its_first() -> None:
    """They begin slowly then, and preparing them would take the cores that decode the other caller's."""
    engine = VirtualEngine(8)
    document, picture = engine.session(), engine.session()
    for id in range(2):
        document.add(id, request_of(4 + id))
    assert document.has_room()
    picture.add(0, request_of(20))
    assert not document.has_room()
    steps_until_done(picture)
    assert document.has_room()


def test_a_cancelled_request_leaves_within_a_step_and_has_no_more_events() -> None:
    engine = VirtualEngine(4)
    session = filled(engine, steps=1000, requests=4)
    session.cancel(2)
    assert len(engine.rows.running) == 3
    assert 2 not in {event.id for _ in range(3) for event in session.step()}
    session.close()
    session.close()
    assert not engine.rows.running


def test_a_dropped_generator_frees_its_rows() -> None:
    engine = VirtualEngine(4)
    stream = generate(engine, [request_of(steps) for steps in (2, 2, 900)])
    next(stream)
    next(stream)
    assert engine.rows.running
    del stream
    assert not engine.rows.running


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("the device is gone"), SystemExit(3)], ids=repr)
def test_an_error_in_one_thread_does_not_lose_the_rows_of_others(error: BaseException) -> None:
    engine = VirtualEngine(4)
    mine, other = engine.session(), engine.session()
    mine.add(0, request_of(50))
    other.add(0, request_of(50))
    received = [event for _ in range(10) for event in other.step()]
    mine.step()
    engine.rows.error = error
    with pytest.raises(type(error)):
        mine.step()
    mine.close()
    assert engine.rows.recovered == 1
    while not any(isinstance(event, Completed) for event in received):
        received += other.step()
    assert [event.token for event in received if isinstance(event, Token)] == list(range(50))


def test_a_paused_caller_keeps_nobody_waiting() -> None:
    """Its requests are decoded by the steps of others."""
    engine = VirtualEngine(2)
    paused = filled(engine, steps=30, requests=2)
    assert list(completions(engine, [request_of(60), request_of(5)]))
    assert sum(isinstance(event, Completed) for event in paused.step()) == 2


def test_a_thread_that_waits_gets_its_events_while_another_makes_the_steps() -> None:
    engine = VirtualEngine(16)
    results: dict[int, int] = {}

    def read(number: int) -> None:
        rng = random.Random(number)
        requests = [request_of(rng.randint(1, 40)) for _ in range(12)]
        completions = [len(completion.tokens) for completion in generate(engine, requests)]
        assert completions == [request.max_new_tokens for request in requests]
        results[number] = len(completions)

    def all_threads() -> None:
        threads = [threading.Thread(target=read, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    in_time(all_threads)
    assert results == dict.fromkeys(range(12), 12)
    assert not engine.rows.running


def test_sessions_are_opened_cancelled_and_closed_at_random_in_threads() -> None:
    engine = VirtualEngine(8)
    stop = time.monotonic() + 1.0
    failures: list[BaseException] = []

    def caller(number: int) -> None:
        rng = random.Random(number)
        try:
            while time.monotonic() < stop:
                session = engine.session()
                sizes = {id: rng.randint(1, 30) for id in range(rng.randint(1, 5))}
                for id, size in sizes.items():
                    session.add(id, request_of(size))
                dropped = {id for id in sizes if rng.random() < 0.2}
                cancelled = set[int]()
                tokens: dict[int, int] = dict.fromkeys(sizes, 0)
                left = set(sizes)
                while left:
                    for event in session.step():
                        assert event.id not in cancelled
                        if isinstance(event, Token):
                            assert event.token == tokens[event.id]
                            tokens[event.id] += 1
                        else:
                            left.remove(event.id)
                    for id in (dropped & left) - cancelled:
                        if rng.random() < 0.3:
                            session.cancel(id)
                            cancelled.add(id)
                            left.remove(id)
                    if rng.random() < 0.01:
                        break
                assert all(tokens[id] == sizes[id] for id in set(sizes) - left - cancelled)
                session.close()
        except BaseException as error:  # noqa: BLE001 - reported by the test
            failures.append(error)

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert not any(thread.is_alive() for thread in threads)
    assert not engine.rows.running


def test_closing_while_others_read_ends_them_with_an_error() -> None:
    engine = VirtualEngine(4)
    errors: list[BaseException] = []

    def read() -> None:
        try:
            for _ in generate(engine, iter(lambda: request_of(3), None)):
                pass
        except EngineError as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    engine.close()
    for thread in threads:
        thread.join(20)
    assert len(errors) == 3
    assert engine.rows.closed


def test_completions_are_in_the_order_of_the_requests() -> None:
    def drawn() -> Iterator[int]:
        yield from (30, 3, 20, 1)

    outcomes = list(completions(VirtualEngine(2), (request_of(steps) for steps in drawn())))
    assert [len(outcome.tokens) if not isinstance(outcome, Exception) else 0 for outcome in outcomes] == [30, 3, 20, 1]
