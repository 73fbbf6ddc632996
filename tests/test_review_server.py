"""The server of `dupfind review`: who may talk to it, what it answers, what it records."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from review_helpers import Client, first_photo, make_library, served

from dupfind import Choice, Library, Verb

HOSTILE = {
    1: "<script>window.owned = 1<!--\"'.jpg",
    3: os.fsdecode(b"caf\xe9\n\xe2\x80\xae.jpg"),
}
GROUPS = 60


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review")
    return make_library(folder, GROUPS, pictures=4, names=HOSTILE)


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Client]:
    with served(root) as client:
        yield client.enter()


@pytest.fixture
def client(server: Client, root: Path) -> Iterator[Client]:
    """The server, with nothing decided."""
    yield server
    while Library(root).undo_decision():
        pass


def anyone(client: Client) -> Client:
    return Client(client.address)


def walk(client: Client, query: str) -> list[int]:
    """Return the ids of all groups of a list, page by page."""
    found: list[int] = []
    after = ""
    while True:
        page = client.get(f"/api/groups?{query}&after={after}")
        assert len(page["cards"]) <= 24
        found += [card["id"] for card in page["cards"]]
        if page["next"] is None:
            assert page["total"] == len(found)
            return found
        after = page["next"]


def decide(client: Client, group_id: int, action: str, **more: Any) -> dict[str, Any]:
    group = client.get(f"/api/groups/{group_id}")
    values = {"group": group_id, "stamp": group["stamp"], "action": action} | more
    answer: dict[str, Any] = client.post("/api/decide", values)
    return answer


def verdicts(client: Client, group_id: int) -> list[str]:
    return [one["verdict"] for one in client.get(f"/api/groups/{group_id}")["members"]]


# Who may talk to it.


@pytest.mark.parametrize(
    "path", ["/", "/?token=", "/?token=guess", "/api/groups", "/picture/1/320", "/static/main.js"]
)
def test_without_the_cookie_nothing_is_answered(client: Client, path: str) -> None:
    stranger = anyone(client)
    assert stranger.ask("GET", path)[0] == 401
    stranger.cookie = f"dupfind-review-{client.port}=guess"
    assert stranger.ask("GET", path)[0] == 401


def test_only_loopback_names_with_the_own_port_are_answered(client: Client) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert client.ask("GET", "/api/groups", host=f"{host}:{client.port}")[0] == 200
    for host in ("example.org", f"example.org:{client.port}", "127.0.0.1", "127.0.0.1:1", ""):
        assert client.ask("GET", "/api/groups", host=host)[0] in (400, 421), host


def test_it_listens_on_the_loopback_address_only(client: Client) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: asks which address would be used
            own = probe.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no other address")
    if own.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection((own, client.port), timeout=2).close()


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "", "origin": "https://example.org"},
        {"sec_fetch_site": "same-origin", "origin": "null"},
        {"sec_fetch_site": ""},
    ],
)
def test_other_pages_may_not_write(client: Client, headers: dict[str, str]) -> None:
    for path in ("/api/undo", "/api/decide", "/api/preferences", "/api/query"):
        status, _, body = client.ask("POST", path, {}, **headers)
        assert (status, body) == (403, b"dupfind review: another page may not write here\n")


def test_an_old_browser_may_write_by_its_origin(client: Client) -> None:
    own = f"http://127.0.0.1:{client.port}"
    status, _, _ = client.ask("POST", "/api/undo", {}, sec_fetch_site="", origin=own)
    assert status == 200


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_form_cannot_write(client: Client, kind: str) -> None:
    status, _, _ = client.ask("POST", "/api/undo", {}, content_type=kind)
    assert status == 415


def test_every_answer_carries_the_headers(client: Client) -> None:
    answers = [
        client.ask("GET", path)[1] for path in ("/", "/static/main.js", "/nothing", "/api/x")
    ]
    answers.append(anyone(client).ask("GET", "/")[1])
    for headers in answers:
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/picture/99999/320", 404),
        ("/picture/0/320", 404),
        ("/picture/-1/320", 404),
        ("/picture/99999999999999999999999/320", 404),
        ("/picture/1/321", 404),
        ("/picture/1/..%2f..%2fetc%2fpasswd", 404),
        ("/picture/%2fetc%2fpasswd/320", 404),
        ("/static/../app.py", 404),
        ("/static/..%2fapp.py", 404),
        ("/static/%2fetc/passwd", 404),
        ("/api/groups/99999", 404),
        ("/api/groups/99999999999999999999999", 404),
        ("/api/groups/1/pair/1/9", 404),
        ("/api/groups?after=x", 400),
        ("/api/groups?after=nan,1", 400),
        ("/api/groups?state=%27", 400),
        ("/api/groups?order=id;drop", 400),
        ("/api/groups?folder=../..", 400),
        ("/api/groups?surest=2", 400),
        ("/api/groups?relations=identical,nonsense", 400),
    ],
)
def test_what_is_out_of_range_is_refused(client: Client, path: str, expected: int) -> None:
    status, _, body = client.ask("GET", path)
    assert status == expected
    assert b"Traceback" not in body


def test_bad_bodies_are_refused_in_a_line(client: Client) -> None:
    bodies: list[Any] = [b"", b"{", b"[]", {"group": "1"}, {"group": True}, {"group": 1 << 80}]
    for body in bodies:
        status, _, answer = client.ask("POST", "/api/decide", body)
        assert status == 400
        assert len(json.loads(answer)["error"].splitlines()) == 1
    assert client.ask("POST", "/api/decide", b" " * (2 << 20))[0] == 400
    assert client.post("/api/bulk/preview", {"rule": {"name": "x"}, "filters": {}}, 400)["error"]


def test_a_name_cannot_leave_the_pages_data(client: Client) -> None:
    page = client.ask("GET", "/")[2].decode()
    assert "<script>window" not in page
    assert "\\u003cscript\\u003ewindow.owned" in page
    assert page.count("<script") == 2
    assert "caf\\\\xe9\\\\n\\\\u202e.jpg" in page


def test_pictures_are_made_by_us_and_kept_by_this_browser_only(client: Client, root: Path) -> None:
    file = Library(root).photos()[0].path
    before = file.read_bytes()
    version = client.get("/api/groups/1")["members"][0]["version"]
    for size, kind in (("320", "image/webp"), ("full", "image/jpeg")):
        status, headers, body = client.ask("GET", f"/picture/1/{size}?v={version}")
        assert (status, headers["content-type"]) == (200, kind)
        assert headers["cache-control"].startswith("private, max-age=")
        assert body != before
        assert client.ask("GET", f"/picture/1/{size}")[1]["cache-control"] == "private, no-cache"
    try:
        file.write_bytes(b"something else")
        assert client.ask("GET", "/picture/1/full")[0] == 404
        file.unlink()
        assert client.ask("GET", "/picture/1/320")[0] == 404
    finally:
        file.write_bytes(before)


# The list.


@pytest.mark.parametrize("order", ["frees", "doubt", "folders", "size", "members"])
def test_pages_hold_each_group_once_in_any_order(client: Client, order: str) -> None:
    assert sorted(walk(client, f"order={order}")) == list(range(1, GROUPS + 1))


def test_orders_and_filters_agree_with_the_groups_themselves(client: Client, root: Path) -> None:
    groups = {group.id: group for group in Library(root).groups()}
    least = {one.id: min(copy.probability for copy in one.members[1:]) for one in groups.values()}
    by_doubt = walk(client, "order=doubt")
    assert by_doubt == sorted(groups, key=lambda number: (least[number], number))
    frees = [groups[number].reclaimable_bytes for number in walk(client, "order=frees")]
    assert frees == sorted(frees, reverse=True)
    mirrored = {one.id for one in groups.values() if len(one.members) == 4}
    assert set(walk(client, "relations=mirrored")) == mirrored
    looks = {one.id for one in groups.values() if len(one.members) > 2}
    assert set(walk(client, "advice=look")) == looks
    assert set(walk(client, "surest=0.98")) == {one for one in groups if least[one] <= 0.98}
    assert set(walk(client, "text=PHOTO-00007-")) == {8}
    folder = next(one for one in client.get("/api/folders?text=backup%203")["folders"])
    assert set(walk(client, f"folder={folder['id']}")) == {n for n in groups if (n - 1) % 5 == 3}


def test_a_step_leads_along_the_list_and_back(client: Client) -> None:
    order = walk(client, "order=doubt&relations=cropped")
    ahead = client.get(f"/api/groups/{order[3]}/step?order=doubt&relations=cropped")
    assert ahead["group"]["id"] == order[4]
    back = client.get(f"/api/groups/{order[3]}/step?order=doubt&relations=cropped&direction=back")
    assert back["group"]["id"] == order[2]
    last = client.get(f"/api/groups/{order[-1]}/step?order=doubt&relations=cropped")
    assert last["group"] is None


# Deciding.


def test_keeping_one_removes_the_others_and_leads_to_the_next(client: Client, root: Path) -> None:
    kept = first_photo(1) + 1
    done = decide(client, 2, "keep", photo=kept, filters={"order": "frees", "state": "open"})
    assert done["next"]["id"] == 3
    assert done["group"]["state"] == "decided"
    assert done["progress"]["states"] == {"open": GROUPS - 1, "later": 0, "decided": 1}
    going = {removal.photo_id for removal in Library(root).decided_removals()}
    assert going == {first_photo(1), first_photo(1) + 2}
    assert done["progress"]["going"] == 4_999_950 + 4_999_948


def test_each_action_does_what_it_says_and_is_undone_in_one_step(client: Client) -> None:
    photo = first_photo(2) + 2
    decide(client, 3, "marks", remove=[photo])
    assert sorted(verdicts(client, 3)) == ["keep", "keep", "keep", "remove"]
    assert client.post("/api/undo", {})["group"] == 3
    assert verdicts(client, 3) == [""] * 4
    assert decide(client, 3, "keep-all")["group"]["state"] == "decided"
    assert decide(client, 1, "later")["group"]["state"] == "later"
    assert walk(client, "state=later") == [1]
    alone = decide(client, 6, "not-duplicates", photo=first_photo(5) + 1)
    assert len(alone["group"]["members"]) == 3
    apart = decide(client, 4, "not-duplicates")
    assert apart["group"] is None
    assert apart["progress"]["states"] == {"open": GROUPS - 3, "later": 1, "decided": 2}
    assert 4 not in walk(client, "order=frees")
    assert client.post("/api/undo", {"step": apart["step"]})["group"] == 4
    assert 4 in walk(client, "order=frees")


def test_one_photo_has_to_stay(client: Client) -> None:
    group = client.get("/api/groups/1")
    every = [one["photo"] for one in group["members"]]
    values = {"group": 1, "stamp": group["stamp"], "action": "marks", "remove": every}
    assert "has to stay" in client.post("/api/decide", values, 400)["error"]
    assert verdicts(client, 1) == ["", ""]


def test_a_group_that_another_tab_decided_is_not_decided_again(client: Client) -> None:
    seen = client.get("/api/groups/5")
    decide(client, 5, "keep-all")
    values = {"group": 5, "stamp": seen["stamp"], "action": "keep", "photo": first_photo(4)}
    assert "changed meanwhile" in client.post("/api/decide", values, 409)["error"]
    assert set(verdicts(client, 5)) == {"keep"}


def test_the_page_follows_what_other_programs_decide(client: Client, root: Path) -> None:
    before = client.get("/api/groups?order=frees")
    ids = tuple(one["photo"] for one in before["cards"][6]["members"])
    Library(root).decide([Choice(Verb.KEEP_ALL, ids)])
    after = client.get("/api/groups?order=frees&state=decided")
    assert [card["id"] for card in after["cards"]] == [before["cards"][6]["id"]]


@pytest.mark.slow
def test_no_answer_holds_all_of_fifty_thousand_groups(tmp_path: Path) -> None:
    root = make_library(tmp_path, 50_000)
    with served(root) as client:
        client.enter()
        paths = ["/", "/api/groups?order=folders", "/api/groups?text=photo", "/api/folders"]
        assert all(len(client.ask("GET", path)[2]) < 200_000 for path in paths)
        far = client.get("/api/groups?order=frees&after=-2550049,49000")
        assert [card["id"] for card in far["cards"]][:2] == [49001, 49002]
        assert far["total"] == 50_000
        seen = client.post("/api/bulk/preview", {"rule": {"name": "advised"}, "filters": {}})
        assert (seen["groups"], len(seen["samples"])) == (50_000, 8)


# Rules.

RULE = {"rule": {"name": "advised"}, "filters": {"relations": "mirrored", "state": "open"}}


def test_a_rule_decides_what_is_filtered_in_one_step(client: Client) -> None:
    seen = client.post("/api/bulk/preview", RULE)
    assert (seen["groups"], seen["removed"], seen["unsure"]) == (20, 20, 0)
    assert 0 < len(seen["samples"]) <= 8
    gone = [one["photo"] for one in seen["samples"][0]["members"] if one["goes"]]
    assert gone == [first_photo(2) + 1]
    done = client.post("/api/bulk/apply", RULE | {"stamp": seen["stamp"]})
    assert done["progress"]["states"]["decided"] == 20
    assert set(walk(client, "state=decided")) == set(walk(client, "relations=mirrored"))
    client.post("/api/undo", {"step": done["step"]})
    assert walk(client, "state=decided") == []


def test_a_rule_is_not_applied_when_it_would_do_something_else_by_now(client: Client) -> None:
    seen = client.post("/api/bulk/preview", RULE)
    decide(client, 3, "keep-all")
    client.post("/api/bulk/apply", RULE | {"stamp": seen["stamp"]}, 409)
    assert walk(client, "state=decided") == [3]


def test_a_rule_for_all_others_counts_those_with_something_to_lose(client: Client) -> None:
    rule = {"name": "newest", "all": True}
    seen = client.post("/api/bulk/preview", RULE | {"rule": rule})
    # Of the four photos the last is the newest: all others go, the one kept by advice too.
    assert (seen["removed"], seen["unsure"]) == (60, 40)
    sample = seen["samples"][0]["members"]
    assert [one["goes"] for one in sample] == [True, True, True, False]


def test_a_folder_comes_first_when_a_rule_says_so(client: Client) -> None:
    folder = client.get("/api/folders?text=backup%202")["folders"][0]["id"]
    rule = {"name": "advised", "all": True, "folder": folder}
    seen = client.post("/api/bulk/preview", {"rule": rule, "filters": {"folder": folder}})
    kept = [one for one in seen["samples"][0]["members"] if not one["goes"]]
    assert [one["folder"] for one in kept] == ["backup 2"]


def test_the_token_lets_in_once_and_what_would_go_is_what_an_apply_would_do(
    tmp_path: Path,
) -> None:
    root = make_library(tmp_path, 3, pictures=3, true_files=True)
    with served(root) as client:
        status, headers, _ = client.ask("GET", client.query)
        assert (status, headers["location"]) == (303, "/")
        cookie = headers["set-cookie"].lower()
        assert cookie.startswith(f"dupfind-review-{client.port}=")
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert client.query.partition("=")[2].lower() not in cookie
        assert client.ask("GET", client.query)[0] == 401
        client.cookie = headers["set-cookie"].partition(";")[0]
        assert client.ask("GET", "/")[0] == 200
        decide(client, 2, "keep", photo=first_photo(1) + 1)
        decide(client, 1, "keep-all")
        plan = client.get("/api/apply")
    planned = Library(root).plan_removal()
    assert [one["photo"] for one in plan["going"]] == [one.photo_id for one in planned.removals]
    decided = {one["photo"]: one["why"] for one in plan["going"]}
    assert decided == {
        first_photo(1): "you decided it",
        first_photo(1) + 2: "you decided it",
        first_photo(2) + 1: "saved again",
    }
    assert plan["decided"] == 2


def test_what_a_person_set_is_there_the_next_time(client: Client, root: Path) -> None:
    values = {"keys": {"keep": "h"}, "filters": {"state": "later"}, "group": 7, "view": "group"}
    client.post("/api/preferences", values | {"unknown": 1})
    page = client.ask("GET", "/")[2].decode()
    assert '"keys":{"keep":"h"}' in page
    saved = json.loads((root / "review.json").read_text(encoding="utf-8"))
    assert saved == values
    (root / "review.json").write_text("damaged", encoding="utf-8")
    assert client.ask("GET", "/")[0] == 200


def test_a_library_without_groups_and_a_taken_port_are_one_line(
    tmp_path: Path, client: Client
) -> None:
    words = [sys.executable, "-m", "dupfind.cli", "review", "--no-browser", "--library"]
    nothing = subprocess.run(
        [*words, tmp_path / "none"], capture_output=True, text=True, check=False
    )
    assert nothing.returncode == 1
    assert nothing.stderr.startswith("Error: there is no library")
    root = make_library(tmp_path, 1)
    taken = subprocess.run(
        [*words, root, "--port", str(client.port)], capture_output=True, text=True, check=False
    )
    assert taken.returncode == 1
    assert taken.stderr.count("\n") == 1
    assert "choose another with --port" in taken.stderr
