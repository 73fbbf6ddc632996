"""Measure the page of `dupfind review` in a real browser: first paint, lists, decisions.

    python benchmarks/review.py [--groups 50000] [--decide 200] [--look 0.5]

Makes a library of that many groups on the spot (the pictures of the first ones are there, the others
are rows only), and lets a script decide groups as a person would: it waits until both pictures are
drawn, looks at them for a while, and presses one key, each time another one of four. ``--look 0``
presses the next key as soon as the next group is named. All times are those of the browser itself: from
the key to the next group shown; beside them stands what the server's process worked, which a machine
that is busy with other things does not change. Needs chromium.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from review_helpers import Client, make_library, served

LOADS = 7
ASKED = 20
KEYS = ("Enter", "k", "1", "l")
# Notes when the first card is there, and how long after a key the next group is.
CLOCK = """
performance.setResourceTimingBufferSize(20000);
window.clock = { card: 0, shown: [] };
addEventListener("keydown", () => { window.clock.key = performance.now(); }, true);
new MutationObserver(() => {
  if (!window.clock.card && document.querySelector(".card")) window.clock.card = performance.now();
}).observe(document, { childList: true, subtree: true });
addEventListener("DOMContentLoaded", () => {
  new MutationObserver(() => {
    if (window.clock.key) window.clock.shown.push(performance.now() - window.clock.key);
    window.clock.key = 0;
  }).observe(document.getElementById("group-title"), { childList: true });
});
"""
DRAWN = """[...document.querySelectorAll(".scene img")].every((one) =>
  one.complete && one.naturalWidth && one.src.includes(`/picture/${one.dataset.photo}/`))"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
REQUESTS = (
    "performance.getEntriesByType('resource').filter((one) => one.name.endsWith('/api/decide'))"
    ".map((one) => one.responseEnd - one.requestStart)"
)
LISTS = {
    "first page": "order=frees&state=open",
    "least sure": "order=doubt&state=open",
    "by pair of folders": "order=folders",
    "cropped, at most 95% sure": "order=frees&relations=cropped&surest=0.95",
    "part of a path": "order=frees&text=photo-49",
    "in a folder": "order=frees&folder=1",
}


def main() -> None:
    """Make the library, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=50_000)
    parser.add_argument("--decide", type=int, default=200)
    parser.add_argument(
        "--look", type=float, default=0.5, help="Seconds that each group is looked at."
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dupfind-bench-") as folder:
        pictures = min(options.groups, options.decide + 40)
        root = make_library(Path(folder), options.groups, pictures=pictures)
        started = time.perf_counter()
        with served(root) as client:
            line("ready after the command", time.perf_counter() - started)
            measure(client, options.decide, options.look)


def measure(client: Client, groups: int, look_s: float) -> None:
    """Measure one server."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 820})
        context.add_init_script(CLOCK)
        page = context.new_page()
        page.goto(client.address)
        cookie = context.cookies()[0]
        client.cookie = f"{cookie['name']}={cookie['value']}"
        measure_loads(page, client)
        measure_lists(client)
        measure_decisions(page, client, groups, look_s)
        browser.close()


def measure_loads(page: Page, client: Client) -> None:
    """Load the page several times: when something is painted, and when the first card is there."""
    paints, cards = [], []
    for _ in range(LOADS):
        page.goto(f"http://127.0.0.1:{client.port}/")
        page.wait_for_selector(".card img")
        page.wait_for_timeout(300)
        paints.append(page.evaluate(PAINT) / 1000)
        cards.append(page.evaluate("window.clock.card") / 1000)
    line("first paint", *paints)
    line("first card in the page", *cards)


def measure_lists(client: Client) -> None:
    """Ask for pages of lists, the first ones and one far down."""
    for name, query in LISTS.items():
        measure_list(client, name, f"/api/groups?{query}")
    after = ""
    for _ in range(100):
        after = client.get(f"/api/groups?order=frees&after={after}")["next"] or ""
    measure_list(client, "page 101", f"/api/groups?order=frees&after={after}")


def measure_list(client: Client, name: str, path: str) -> None:
    """Ask for one page of a list, again and again."""
    worked = cpu_s(client)
    times = [timed(client, path) for _ in range(ASKED)]
    line(f"list: {name}", *times, worked=(cpu_s(client) - worked) / ASKED)


def cpu_s(client: Client) -> float:
    """Return how long the server's process has worked, in seconds of a processor."""
    times = psutil.Process(client.pid).cpu_times()
    return float(times.user + times.system)


def timed(client: Client, path: str) -> float:
    """Return how long an answer takes, in seconds."""
    started = time.perf_counter()
    client.get(path)
    return time.perf_counter() - started


def measure_decisions(page: Page, client: Client, groups: int, look_s: float) -> None:
    """Decide groups, one key each, as a person would."""
    page.locator("[data-do=begin]").click()
    page.wait_for_selector("#group-view:not([hidden])")
    page.evaluate("window.clock.shown = []")
    started, worked, drawn = time.perf_counter(), cpu_s(client), []
    for number in range(groups):
        if look_s:
            drawn.append(waited(page, DRAWN))
            time.sleep(look_s)
        page.keyboard.press(KEYS[number % len(KEYS)])
        waited(page, f"window.clock.shown.length > {number}")
    taken = time.perf_counter() - started
    worked = (cpu_s(client) - worked) / groups
    line(f"{groups} groups, one key each", taken)
    if look_s:
        line("of that not spent looking", taken - groups * look_s)
        line("until both pictures are drawn", *drawn)
    shown: list[float] = page.evaluate("window.clock.shown")
    line("a key to the next group", *(one / 1000 for one in shown), worked=worked)
    requests: Any = page.evaluate(REQUESTS)
    line("a decision, asked and recorded", *(one / 1000 for one in requests))
    measure_decision(client)


def waited(page: Page, expression: str) -> float:
    """Wait until something is so in the page; return for how long, in seconds."""
    started = time.perf_counter()
    while not page.evaluate(expression):
        time.sleep(0.002)
    return time.perf_counter() - started


def measure_decision(client: Client) -> None:
    """Decide and undo without a browser: what a decision alone costs."""
    worked, times = cpu_s(client), []
    group = client.get("/api/groups/first?state=open")["group"]
    for _ in range(ASKED):
        started = time.perf_counter()
        values = {"group": group["id"], "stamp": group["stamp"], "action": "keep-all"}
        client.post("/api/decide", values | {"filters": {"state": "open"}})
        times.append(time.perf_counter() - started)
        client.post("/api/undo", {})
    line("a decision and its undo", *times, worked=(cpu_s(client) - worked) / ASKED)


def line(name: str, *seconds: float, worked: float = 0.0) -> None:
    """Print the median, the 95th percentile, how many there were, and the server's work for each."""
    ordered = sorted(seconds)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    middle = statistics.median(ordered)
    work = f"   server: {1000 * worked:.1f} ms of processor" if worked else ""
    times = f"{1000 * middle:9.1f} ms   95%: {1000 * late:9.1f} ms   ({len(ordered)})"
    print(f"{name:34} {times}{work}", flush=True)


if __name__ == "__main__":
    main()
