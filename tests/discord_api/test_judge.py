"""The judge itself: it sees what is wrong, once, and says where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.loopback import Exchange
from tests.discord_api.description import PATH, Description
from tests.discord_api.judge import Judge, shape

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not PATH.exists(), reason=f"NO DESCRIPTION OF DISCORD'S API: {PATH} is missing"
    ),
]

ERROR = {"message": "Unknown Channel", "code": 10003}


@pytest.fixture(scope="module")
def description() -> Description:
    """Discord's file, read once."""
    return Description()


@pytest.fixture
def judge(description: Description) -> Judge:
    """A judge that has seen nothing yet."""
    return Judge(description)


def exchange(
    path: str = "/channels/123456/typing", *, method: str = "POST", **changes: Any
) -> Exchange:
    """An exchange without fault, with changes; bodies are given as what JSON says."""
    bodies = {
        name: changes.pop(name) for name in ("request", "answer") if name in changes
    }
    encoded: dict[str, Any] = {
        name: b"" if body is None else json.dumps(body).encode()
        for name, body in bodies.items()
    }
    fields: dict[str, Any] = {
        "query": {},
        "request": b"",
        "status": 204,
        "content_type": "application/json",
        "answer": b"",
    }
    return Exchange(method=method, path=path, **(fields | encoded | changes))


def faults(judge: Judge, one: Exchange) -> list[str]:
    """What the judge says of one exchange."""
    judge.observe(one)
    return [str(deviation) for deviation in judge.verdicts()]


@pytest.mark.parametrize(
    "right",
    [
        exchange(),
        exchange(status=404, answer=ERROR),
        exchange(
            "/channels/1/messages",
            method="GET",
            query={"limit": "100", "before": "7"},
            status=200,
            answer=[],
        ),
        exchange(
            "/users/@me/channels",
            request={"recipient_id": 2**60},
            status=400,
            answer=ERROR,
        ),
        exchange(
            "/gateway/bot",
            method="GET",
            status=401,
            answer={"message": "401: Unauthorized", "code": 0},
        ),
    ],
    ids=["no content", "refusal", "query", "an id as a number", "not logged in"],
)
def test_what_is_right_passes(judge: Judge, right: Exchange) -> None:
    """An exchange that Discord would have has no deviation, and is counted."""
    assert faults(judge, right) == []
    assert (judge.count, len(judge.routes)) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (exchange("/channels/1/whispers"), "no such route"),
        (exchange(status=302), "not described"),
        (exchange(status=204, answer={"a": 1}), "no body"),
        (
            exchange(status=403, answer={"message": "no"}),
            "'code' is a required property",
        ),
        (exchange(status=403, answer=ERROR, content_type="text/html"), "text/html"),
        (
            exchange(
                "/channels/1/messages",
                method="GET",
                query={"limit": "101"},
                status=200,
                answer=[],
            ),
            "query limit",
        ),
        (
            exchange(
                "/channels/1/messages", request={"content": 5}, status=404, answer=ERROR
            ),
            None,
        ),
        (
            exchange(
                "/channels/1/messages",
                request={"content": "x" * 4001},
                status=200,
                answer={},
            ),
            "request content",
        ),
        (
            exchange("/users/@me", method="GET", status=200, answer={"id": "x"}),
            "answer 200 id",
        ),
    ],
    ids=[
        "route",
        "status",
        "body",
        "field",
        "kind of body",
        "query",
        "refused request",
        "request",
        "answer",
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    judge: Judge, wrong: Exchange, words: str | None
) -> None:
    """Each kind of deviation is found; what was refused may have been wrong."""
    found = faults(judge, wrong)
    assert found == [] if words is None else any(words in one for one in found), found


def test_a_shape_is_judged_once(judge: Judge) -> None:
    """The same deviation with other ids is told once, so that it fails the test that
    brought it and no other."""
    wrong = {"message": "no"}
    assert faults(judge, exchange("/channels/1111111/typing", status=403, answer=wrong))
    assert not faults(
        judge, exchange("/channels/2222222/typing", status=403, answer=wrong)
    )
    assert judge.count == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"type": 0}, {"type": 1}),
        ({"a": None}, {"a": ""}),
        ({"a": "12345"}, {"a": "abcde"}),
        ([], [1]),
    ],
)
def test_shapes_differ_where_a_schema_may_tell(one: object, other: object) -> None:
    """What a schema may tell apart has two shapes; long ids and prose have one."""
    assert shape(one) != shape(other)
    assert shape({"id": "1" * 18, "n": ["a long text"] * 9}) == shape(
        {"id": "2" * 18, "n": ["other texts"]}
    )
