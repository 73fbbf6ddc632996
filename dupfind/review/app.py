"""The page's server: what each address answers. Reading is GET, changing is POST with JSON.

Nothing that the browser sends is ever opened as a path: photos and groups are named by id, and a
picture that is dropped on the page is written to a temporary file of ours.
"""

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from dupfind import __version__
from dupfind.errors import DecisionError, DupfindError, LibraryLockedError, PhotoError
from dupfind.reports.words import safe_name
from dupfind.review.bulk import Bulk
from dupfind.review.choices import choices_of
from dupfind.review.describe import VERSION_DIGITS
from dupfind.review.desk import ChangedSinceError, Desk, NotFoundError
from dupfind.review.filters import BadRequestError, Filters, Place
from dupfind.review.looking import apply_preview, found_matches
from dupfind.review.pictures import SIZES, Pictures
from dupfind.review.preferences import Preferences
from dupfind.review.security import JSON_TYPE, PICTURE_TYPE, Access, Guard
from dupfind.store.connection import explain

HERE = Path(__file__).parent
MOST_JSON_BYTES = 1 << 20
MOST_PICTURE_BYTES = 400 << 20
_MOST_NUMBER = 1 << 62  # what SQLite takes
_WEEK_S = 7 * 24 * 3600
_Result = TypeVar("_Result")
Handler = Callable[[Request], Awaitable[Response]]


class Review:
    """Answers requests: from the desk in its one thread, pictures from theirs."""

    def __init__(self, desk: Desk, thread: Executor) -> None:
        self.desk = desk
        self.bulk = Bulk(desk)
        self.preferences = Preferences(desk.paths.root)
        self.pictures = Pictures(desk.paths)
        self._thread = thread

    async def at_desk(self, work: Callable[..., _Result], *arguments: Any, **named: Any) -> _Result:
        """Run work in the desk's thread, on a library that is up to date."""

        def run() -> _Result:
            try:
                self.desk.refresh()
                return work(*arguments, **named)
            except sqlite3.Error as error:
                raise explain(error, self.desk.paths.database) from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def page(self, request: Request) -> Response:
        """The page itself, with the first part of the list in it."""
        preferences = self.preferences.read()
        filters = _remembered(preferences)
        first = await self.at_desk(self.desk.listing, filters, None)
        facets = await self.at_desk(self.desk.facets)
        album = self.desk.paths.root.parent
        start = {"preferences": preferences, "list": first, "facets": facets}
        text = (
            _templates()
            .get_template("review.html")
            .render(
                title=safe_name(album.name),
                folder=safe_name(str(album)),
                start=_inline(start),
                modules=_modules(),
                version=__version__,
            )
        )
        return HTMLResponse(text)

    async def groups(self, request: Request) -> Response:
        """A page of the list."""
        filters = Filters.read(request.query_params)
        place = Place.read(request.query_params.get("after", ""))
        return JSONResponse(await self.at_desk(self.desk.listing, filters, place))

    async def group(self, request: Request) -> Response:
        """One group."""
        return JSONResponse(await self.at_desk(self.desk.group, _id(request, "group")))

    async def step(self, request: Request) -> Response:
        """The next group of the list, or the one before."""
        values = request.query_params
        filters, back = Filters.read(values), values.get("direction") == "back"
        group_id = _id(request, "group")
        found = await self.at_desk(self.desk.step, group_id, filters, back=back)
        return JSONResponse({"group": found})

    async def first(self, request: Request) -> Response:
        """The first group of the list."""
        filters = Filters.read(request.query_params)
        return JSONResponse({"group": await self.at_desk(self.desk.first, filters)})

    async def pair(self, request: Request) -> Response:
        """What is to be said of two photos of a group."""
        ids = (_id(request, name) for name in ("group", "a", "b"))
        return JSONResponse(await self.at_desk(self.desk.pair, *ids))

    async def folders(self, request: Request) -> Response:
        """Folders by a part of their path."""
        text = request.query_params.get("text", "")[:200]
        return JSONResponse({"folders": await self.at_desk(self.desk.folders, text)})

    async def picture(self, request: Request) -> Response:
        """A picture of a photo; the version in the address makes it safe to keep."""
        size = request.path_params["size"]
        if size not in SIZES:
            raise NotFoundError("there is no such size")
        photo = await self.at_desk(self.desk.photo, _id(request, "photo"))
        loop = asyncio.get_running_loop()
        data, media_type = await loop.run_in_executor(
            self.pictures.pool, self.pictures.make, photo, size
        )
        is_named = request.query_params.get("v") == photo.sha256[:VERSION_DIGITS]
        kept = f"private, max-age={_WEEK_S}, immutable" if is_named else "private, no-cache"
        return Response(data, media_type=media_type, headers={"Cache-Control": kept})

    async def decide(self, request: Request) -> Response:
        """Record what a person decided of one group."""
        values = await _json(request)
        group_id, stamp = _integer(values.get("group")), str(values.get("stamp", ""))
        return JSONResponse(await self.at_desk(self._decide, group_id, stamp, values))

    def _decide(self, group_id: int, stamp: str, values: dict[str, Any]) -> dict[str, Any]:
        choices = choices_of(str(values.get("action", "")), self.desk.group(group_id), values)
        done = self.desk.decide(group_id, stamp, choices)
        if values.get("filters") is not None:
            done["next"] = self.desk.step(group_id, Filters.read(values["filters"]))
        return done

    async def undo(self, request: Request) -> Response:
        """Take back the last step, or one that is named."""
        values = await _json(request)
        step = values.get("step")
        number = None if step is None else _integer(step)
        return JSONResponse(await self.at_desk(self.desk.undo, number))

    async def bulk_preview(self, request: Request) -> Response:
        """What a rule would do."""
        values = await _json(request)
        return JSONResponse(await self.at_desk(self.bulk.preview, values))

    async def bulk_apply(self, request: Request) -> Response:
        """Let a rule decide."""
        values = await _json(request)
        return JSONResponse(await self.at_desk(self.bulk.apply, values))

    async def apply_preview(self, request: Request) -> Response:
        """What `dupfind apply` would do now."""
        return JSONResponse(await self.at_desk(apply_preview, self.desk))

    async def query(self, request: Request) -> Response:
        """The photos nearest to a picture that was dropped on the page."""
        if request.headers.get("content-type", "") != PICTURE_TYPE:
            raise BadRequestError("send a picture")
        with tempfile.TemporaryDirectory(prefix="dupfind-review-") as folder:
            # Bytes never meet their name: what it is, its content says.
            file = Path(folder) / "picture"
            with file.open("wb") as stream:
                await _receive(request, stream.write, MOST_PICTURE_BYTES)
            find = partial(found_matches, self.desk)
            return JSONResponse({"matches": await self.at_desk(find, file)})

    async def save_preferences(self, request: Request) -> Response:
        """Keep what a person set, and where they are."""
        values = await _json(request)
        known = {
            name: values[name] for name in ("keys", "filters", "group", "view") if name in values
        }
        await self.at_desk(self.preferences.update, known)
        return JSONResponse({})


def make_app(review: Review, access: Access) -> ASGIApp:
    """Return the whole server as an ASGI application, guarded."""
    read, write = ["GET"], ["POST"]
    routes = [
        Route("/", review.page, methods=read),
        Route("/api/groups", review.groups, methods=read),
        Route("/api/groups/first", review.first, methods=read),
        Route("/api/groups/{group:int}", review.group, methods=read),
        Route("/api/groups/{group:int}/step", review.step, methods=read),
        Route("/api/groups/{group:int}/pair/{a:int}/{b:int}", review.pair, methods=read),
        Route("/api/folders", review.folders, methods=read),
        Route("/api/apply", review.apply_preview, methods=read),
        Route("/picture/{photo:int}/{size}", review.picture, methods=read),
        Route("/api/decide", review.decide, methods=write),
        Route("/api/undo", review.undo, methods=write),
        Route("/api/bulk/preview", review.bulk_preview, methods=write),
        Route("/api/bulk/apply", review.bulk_apply, methods=write),
        Route("/api/query", review.query, methods=write),
        Route("/api/preferences", review.save_preferences, methods=write),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    app = Starlette(routes=routes, exception_handlers=_HANDLERS)
    return Guard(app, access)


def _refusal(status: int) -> Callable[[Request, Exception], Response]:
    def refuse(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": safe_name(" ".join(str(error).split()))}, status)

    return refuse


def _http_refusal(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return PlainTextResponse(f"{status}\n", status)


# The most special first: Starlette asks for the class of the error, then for those above it.
_HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {
    BadRequestError: _refusal(400),
    NotFoundError: _refusal(404),
    PhotoError: _refusal(404),
    ChangedSinceError: _refusal(409),
    DecisionError: _refusal(400),
    LibraryLockedError: _refusal(423),
    DupfindError: _refusal(500),
    HTTPException: _http_refusal,
}


async def _json(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip() != JSON_TYPE:
        raise BadRequestError(f"send {JSON_TYPE}")
    body = bytearray()
    await _receive(request, body.extend, MOST_JSON_BYTES)
    try:
        values = json.loads(body)
    except ValueError as error:
        raise BadRequestError("that is no JSON") from error
    if not isinstance(values, dict):
        raise BadRequestError("send an object")
    return values


async def _receive(request: Request, take: Callable[[bytes], Any], most_bytes: int) -> None:
    size = 0
    try:
        async for block in request.stream():
            size += len(block)
            if size > most_bytes:
                raise BadRequestError(f"more than {most_bytes >> 20} MB")
            take(block)
    except ClientDisconnect as error:
        raise BadRequestError("it ended too early") from error


def _id(request: Request, name: str) -> int:
    number: int = request.path_params[name]
    if number >= _MOST_NUMBER:
        raise NotFoundError("there is none of that number")
    return number


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= _MOST_NUMBER:
        raise BadRequestError(f"{str(value)[:40]!r} is no number")
    return value


def _remembered(preferences: dict[str, Any]) -> Filters:
    """Return the filters that were set last; the open groups when they are none (any more)."""
    try:
        return Filters.read(preferences["filters"])
    except (KeyError, AttributeError, BadRequestError):
        return Filters(state="open")


def _templates() -> Environment:
    loader = FileSystemLoader(HERE / "templates", encoding="utf-8")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined)


def _modules() -> list[str]:
    return sorted(file.name for file in (HERE / "static").glob("*.js"))


def _inline(value: Any) -> str:
    """Return JSON that is safe between ``<script>`` tags: it holds none of ``<``, ``>``, ``&``."""
    text = json.dumps(value, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
