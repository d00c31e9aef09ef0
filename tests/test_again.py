"""Who finds the queue full asks again the later, the more of them wait."""

import heapq

import pytest

from demo.again import QUESTIONS, SPAN, TO_BEGIN, TO_GO_ON, Again


def crowd(count, seconds, bounds=TO_BEGIN):
    """So many pages that come at once and ask as they are told: when each question was, and what was told."""
    now = 0.0
    again, asked = Again(lambda: now), []
    due = [(0.001 * page, page) for page in range(count)]
    while due and due[0][0] < seconds:
        now, page = heapq.heappop(due)
        asked.append((now, again.after(*bounds)))
        heapq.heappush(due, (now + asked[-1][1], page))
    return asked


def test_few_ask_as_soon_as_they_may():
    assert {told for _, told in crowd(5, 60)} == {TO_BEGIN[0]}


@pytest.mark.parametrize("count", [60, 120, 170])
def test_many_together_ask_only_so_often(count):
    asked = crowd(count, 120)
    late = [told for when, told in asked if when > 60]
    assert len(late) / 60 == pytest.approx(QUESTIONS, rel=0.15)
    assert sum(late) / len(late) == pytest.approx(count / QUESTIONS, rel=0.15)


def test_nobody_waits_longer_than_the_most():
    asked = crowd(2000, 120)
    assert max(told for _, told in asked) == TO_BEGIN[1]
    assert max(told for _, told in crowd(2000, 20, TO_GO_ON)) == TO_GO_ON[1]


def test_a_crowd_that_has_gone_is_forgotten():
    now = 0.0
    again = Again(lambda: now)
    for _ in range(500):
        again.after(*TO_BEGIN)
    assert again.after(*TO_BEGIN) > 5 * TO_BEGIN[0]
    now = SPAN
    assert again.after(*TO_BEGIN) == TO_BEGIN[0]
