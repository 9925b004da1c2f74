"""A container engine on a unix socket: it says what real ones said (engine_answers/), and can be told to misbehave."""

import asyncio
import contextlib
import copy
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from aiohttp import web

ANSWERS = Path(__file__).parent / "engine_answers"


class StandInEngine:
    """`engine`: docker or podman. `containers` may be changed; `say` sends an event to who listens. `answer(path)` is
    asked first: bytes, a status, or None for the usual. `requests` are those that came: `GET /version`."""

    def __init__(self, engine: str = "docker") -> None:
        told = json.loads((ANSWERS / f"{engine}.json").read_text())
        self.version = told["version"]
        self.containers: dict[str, dict] = {one["Id"]: copy.deepcopy(one) for one in told["containers"].values()}
        self.recorded_events = told["events"]
        self.ids = {name: one["Id"] for name, one in told["containers"].items()}
        self._list = {one["Id"]: one for one in told["list"]}
        self.requests: list[str] = []
        self.answer = lambda path: None
        self.hang = asyncio.Event()
        """Set: nothing is answered any more."""
        self._listeners: set[asyncio.Queue[bytes | None]] = set()

    @contextlib.asynccontextmanager
    async def at(self, socket: Path) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.UnixSite(runner, str(socket)).start()
        try:
            yield
        finally:
            self.hang.clear()
            self.end_events()
            await runner.cleanup()
            socket.unlink(missing_ok=True)

    def say(self, event: dict | bytes) -> None:
        data = event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n"
        for listener in self._listeners:
            listener.put_nowait(data)

    def end_events(self) -> None:
        """As an engine does that stops."""
        for listener in self._listeners:
            listener.put_nowait(None)

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def start(self, name: str, at: str = "2026-11-27T10:00:00.5Z") -> dict:
        """The container runs; the event that says so."""
        one = self.containers[self.ids[name]]
        one["State"] |= {"Status": "running", "Running": True, "StartedAt": at}
        return self.event(name, "start")

    def end(self, name: str, code: int, at: str = "2026-11-27T10:00:01.5Z") -> dict:
        one = self.containers[self.ids[name]]
        one["State"] |= {"Status": "exited", "Running": False, "ExitCode": code, "FinishedAt": at}
        return self.event(name, "die", exitCode=str(code))

    def remove(self, name: str) -> dict:
        del self.containers[self.ids[name]]
        return self.event(name, "destroy")

    def event(self, name: str, action: str, **attributes: str) -> dict:
        return {"status": action, "id": self.ids[name], "from": "tiny", "Type": "container", "Action": action,
                "Actor": {"ID": self.ids[name], "Attributes": {"image": "tiny", "name": name, **attributes}},
                "scope": "local", "time": 1795773600, "timeNano": 1795773600000000000}

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        while self.hang.is_set():
            await asyncio.sleep(0.01)
        said = self.answer(request.path)
        if isinstance(said, int):
            return web.json_response({"message": "something went wrong"}, status=said)
        if said is not None:
            return web.Response(body=said, content_type="application/json")
        if request.path == "/version":
            return web.json_response(self.version)
        if request.path == "/containers/json":
            return web.json_response([self._list.get(id, {"Id": id}) | {"State": one["State"]["Status"]}
                                      for id, one in self.containers.items()])
        if request.path == "/events":
            return await self._tell(request)
        id = request.path.split("/")[2] if request.path.count("/") == 3 else ""
        if id in self.containers:
            return web.json_response(self.containers[id])
        return web.json_response({"message": f"No such container: {id}"}, status=404)

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listeners.add(said)
        try:
            while (data := await said.get()) is not None:
                await response.write(data)
        finally:
            self._listeners.discard(said)
        return response


class ServedEngine:
    """One in a thread of its own, for a test that is not asynchronous."""

    def __init__(self, engine: str = "docker") -> None:
        self._engine = engine
        self._loop = asyncio.new_event_loop()

    @contextlib.contextmanager
    def at(self, socket: Path) -> Iterator["ServedEngine"]:
        thread = threading.Thread(target=self._loop.run_forever, name="engine", daemon=True)
        thread.start()
        self.engine = self._run(self._made())
        served = self.engine.at(socket)
        self._run(served.__aenter__())
        try:
            yield self
        finally:
            self._run(served.__aexit__(None, None, None))
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    def end(self, name: str, code: int) -> None:
        self._loop.call_soon_threadsafe(lambda: self.engine.say(self.engine.end(name, code)))

    async def _made(self) -> StandInEngine:
        return StandInEngine(self._engine)

    def _run(self, what):
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)
