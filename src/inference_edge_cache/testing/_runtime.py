"""Runs one Pulumi program against mocks, alone in its own thread.

The only file that leans on Pulumi's semi-private parts: `Settings`' context properties, `ROOT`, `run_in_stack`,
`MockMonitor` and `rpc.deserialize_properties`. tests/testing/test_canary.py says which of them changed.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from google.protobuf import struct_pb2
from pulumi._utils import ContextProperty
from pulumi.output import _OutputToStringError
from pulumi.runtime import Mocks, rpc, settings
from pulumi.runtime._callbacks import _CallbackServicer
from pulumi.runtime._context import wrap_with_context
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs
from pulumi.runtime.proto import engine_pb2, provider_pb2, resource_pb2
from pulumi.runtime.stack import run_in_stack

from inference_edge_cache.errors import RecordingError
from inference_edge_cache.testing import _wire
from inference_edge_cache.testing._job import Job
from inference_edge_cache.testing._options import options_of, provider_urn
from inference_edge_cache.testing._recording import (
    Invoke,
    LogLine,
    Options,
    Recording,
    Resource,
    Secret,
    Unknown,
    in_tree_order,
)

STACK_TYPE = "pulumi:pulumi:Stack"
GET_RESOURCE = "pulumi:pulumi:getResource"
OUTPUT_AS_TEXT = str(_OutputToStringError())
LAST_STEPS = 100  # turns of the event loop given to log lines that still wait for their resource's URN
_FILLED_BELOW = object()


def run(program: Callable[[], Any], mocks: Mocks, job: Job) -> Recording:
    """Runs the program in a thread of its own and returns what it registered, or raises what it raised."""
    done: Future[Recording] = Future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            done.set_result(context.run(_run_here, program, mocks, job))
        except BaseException as error:  # the caller's thread raises it again, whatever it is
            done.set_exception(error)

    threading.Thread(target=work, name="pulumi-program", daemon=True).start()
    return done.result()


def _run_here(program: Callable[[], Any], mocks: Mocks, job: Job) -> Recording:
    monitor, engine = _Monitor(mocks, job), _Engine()
    _configure(monitor, engine, job)
    # Pulumi steps its event loop by hand, which only asyncio's own loop allows.
    loop = asyncio.SelectorEventLoop()
    loop.set_exception_handler(lambda loop, context: None)  # the error that matters is raised, the rest is noise
    loop.set_default_executor(_Inline())
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(run_in_stack(program))
        loop.run_until_complete(_let_log_lines_out())
        return monitor.recording(engine.lines)
    finally:
        _close(loop)


def _configure(monitor: MockMonitor, engine: _Engine, job: Job) -> None:
    """Gives this context settings of its own.

    Pulumi's settings are context variables, but giving a value to one that is None also changes its default for the
    whole process. So none is None while Pulumi's constructor fills them, and `callbacks`, which a program would fill
    later, is given here.
    """
    for setting in _context_properties():
        setting._data.set(_FILLED_BELOW)
    settings.Settings(
        project=job.project,
        stack=job.stack,
        monitor=monitor,
        engine=engine,  # pyright: ignore[reportArgumentType]
        dry_run=job.preview,
        legacy_apply_enabled=False,
        organization="organization",
        root_directory=os.getcwd(),
    )
    vars(settings.Settings)["callbacks"]._data.set(_NoServer(monitor))
    settings.ROOT.set(None)
    set_all_config(dict(job.config), list(job.secret_keys))


def _context_properties() -> list[ContextProperty]:
    return [value for value in vars(settings.Settings).values() if isinstance(value, ContextProperty)]


async def _let_log_lines_out() -> None:
    for _ in range(LAST_STEPS):
        if len(asyncio.all_tasks()) == 1:
            return
        await asyncio.sleep(0)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()


class _Inline(ThreadPoolExecutor):
    """Runs Pulumi's own calls at once in the calling thread: one order of events. A program's calls get a thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if getattr(fn, "__module__", None) != wrap_with_context.__module__:
            return super().submit(fn, *args, **kwargs)
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class _Engine:
    """Keeps log lines, and makes the warning about an Output in a string the error it should be."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []

    def Log(self, request: engine_pb2.LogRequest) -> None:
        if request.message == OUTPUT_AS_TEXT:
            raise _OutputToStringError
        if request.severity != engine_pb2.DEBUG:
            severity = engine_pb2.LogSeverity.Name(request.severity).lower()
            self.lines.append(LogLine(request.urn, severity, request.message))


class _NoServer(_CallbackServicer):
    """Takes in transforms and hooks without the server that a real engine calls them through."""

    def __init__(self, monitor: Any) -> None:
        self._callbacks = {}
        self._transforms = {}
        self._state_migrations = {}
        self._monitor = monitor
        self._target = ""


class _Monitor(MockMonitor):
    """Pulumi's mock monitor, which also keeps what it hears and names things as the engine does."""

    def __init__(self, mocks: Mocks, job: Job) -> None:
        super().__init__(mocks)
        self.job = job
        self.recorded: dict[str, Resource] = {}
        self.invokes: list[Invoke] = []
        self.exports: dict[str, Any] = {}
        self.stack_urn = ""

    def recording(self, lines: list[LogLine]) -> Recording:
        return Recording(
            resources=in_tree_order(self.recorded.values()),
            outputs=self.exports,
            logs=tuple(sorted(lines)),
            invokes=tuple(sorted(self.invokes, key=lambda i: (i.token, repr(i.args), i.provider or ""))),
            preview=self.job.preview,
        )

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        if parent and parent != self.stack_urn:
            type_ = f"{parent.split('::')[2]}${type_}"
        return f"urn:pulumi:{self.job.stack}::{self.job.project}::{type_}::{name}"

    def GetDeploymentInfo(self, request: Any) -> resource_pb2.DeploymentInfo:
        info = super().GetDeploymentInfo(request)
        # Without it a resource inside a value is sent as its id or URN, which is plain.
        info.supportedFeatures.remove(resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES)
        return info

    def RegisterResource(self, request: Any) -> resource_pb2.RegisterResourceResponse:
        urn = self._new_urn(request)
        if request.type == STACK_TYPE:
            self.stack_urn = urn
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if self.job.preview:
            id_, state = request.importId, request.object
        else:
            id_, state = self._create(request, request.object, urn, request.importId, custom=request.custom)
        self._keep(request, urn, id_, state, options_of(request), custom=request.custom, inputs=request.object)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=state)

    def ReadResource(self, request: Any) -> resource_pb2.ReadResourceResponse:
        urn = self._new_urn(request)
        id_, state = self._create(request, request.properties, urn, request.id, custom=True)
        options = Options(
            depends_on=tuple(sorted(request.dependencies)),
            provider=provider_urn(request.provider),
            additional_secret_outputs=tuple(request.additionalSecretOutputs),
            import_id=request.id,
        )
        self._keep(request, urn, id_, state, options, custom=True, inputs=request.properties, existing=True)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=state)

    def RegisterResourceOutputs(self, request: Any) -> Any:
        outputs = _wire.decode_mapping(request.outputs)
        if request.urn == self.stack_urn:
            self.exports = outputs
        else:
            self.recorded[request.urn] = replace(self.recorded[request.urn], outputs=outputs)
        return super().RegisterResourceOutputs(request)

    def Invoke(self, request: Any) -> resource_pb2.ResourceInvokeResponse:
        if request.tok == GET_RESOURCE:
            known = self.recorded[request.args["urn"]]
            reply, failures = {"urn": known.urn, "id": known.id, "state": known.outputs}, None
        else:
            provider = provider_urn(request.provider)
            self.invokes.append(Invoke(request.tok, _wire.decode_mapping(request.args), provider))
            args = MockCallArgs(request.tok, rpc.deserialize_properties(request.args), request.provider)
            answer: Any = self.mocks.call(args)
            reply, failures = answer if isinstance(answer, tuple) else (answer, None)
        result: dict[str, Any] = {"return": _wire.encode(reply)}  # `return` is no argument's name in Python
        return resource_pb2.ResourceInvokeResponse(
            **result,
            failures=[provider_pb2.CheckFailure(property=where, reason=why) for where, why in failures or ()],
        )

    def _new_urn(self, request: Any) -> str:
        urn = self.make_urn(request.parent, request.type, request.name)
        if urn in self.recorded:
            raise RecordingError(f"duplicate resource URN {urn!r}: give the resource another name")
        return urn

    def _create(
        self, request: Any, properties: struct_pb2.Struct, urn: str, existing_id: str, *, custom: bool
    ) -> tuple[str, struct_pb2.Struct]:
        args = MockResourceArgs(
            typ=request.type,
            name=request.name,
            inputs=rpc.deserialize_properties(properties),
            provider=request.provider,
            resource_id=existing_id,
            custom=custom,
        )
        args.urn = urn  # pyright: ignore[reportAttributeAccessIssue]  # a key for ids that are unique and repeatable
        id_, outputs = self.mocks.new_resource(args)
        secret = request.additionalSecretOutputs
        return id_ or "", _wire.encode({key: Secret(v) if key in secret else v for key, v in outputs.items()})

    def _keep(
        self,
        request: Any,
        urn: str,
        id_: str,
        state: struct_pb2.Struct,
        options: Options,
        *,
        custom: bool,
        inputs: struct_pb2.Struct,
        existing: bool = False,
    ) -> None:
        is_component = not custom and not request.remote
        self.recorded[urn] = Resource(
            type=request.type,
            name=request.name,
            urn=urn,
            parent=None if request.parent in ("", self.stack_urn) else request.parent,
            custom=custom,
            id=(id_ or Unknown()) if custom else None,
            inputs=_wire.decode_mapping(inputs),
            outputs=None if is_component else _wire.decode_mapping(state),
            options=options,
            existing=existing,
        )
