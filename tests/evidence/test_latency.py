"""Timing in turns; no test asserts a time."""

from stages.common.evidence.latency import WARM_UP, interleaved


def test_calls_take_turns_and_each_is_timed_as_often():
    order = []
    calls = [lambda name=name: order.append(name) for name in "abc"]
    times = interleaved(calls, seconds=0)
    assert len(times) == 3
    assert {len(t) for t in times} == {5}
    assert all((t > 0).all() for t in times)
    assert order == ["a"] * WARM_UP + ["b"] * WARM_UP + ["c"] * WARM_UP + list("abc") * 5
