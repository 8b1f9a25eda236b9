"""`record` works beside anything and leaves nothing behind."""

import asyncio
import contextvars
import gc
import logging
import os
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pulumi
import pytest
from pulumi._utils import ContextProperty
from pulumi.runtime import settings
from pulumi.runtime.config import CONFIG

from inference_edge_cache.testing import CloudMocks, record

VARIABLE = contextvars.ContextVar("test_isolation", default="default")


def pulumi_state():
    """Pulumi's settings in this context, their process-wide defaults, the root stack and the config."""
    properties = {k: v for k, v in vars(settings.Settings).items() if isinstance(v, ContextProperty)}
    return (
        {name: prop._data.get() for name, prop in properties.items()},
        {name: prop._ContextProperty__default for name, prop in properties.items()},
        settings.ROOT.get(),
        dict(CONFIG.get()),
        pulumi.runtime._callbacks._CallbackServicer._servicers[:],
    )


def process_state():
    return (
        dict(os.environ),
        os.getcwd(),
        sys.path[:],
        logging.getLogger().level,
        logging.getLogger("asyncio").level,
        logging.getLogger().handlers[:],
        {thread for thread in threading.enumerate() if thread.name in ("pulumi-program",)},
    )


def test_nothing_is_left_behind(recorded, thing):
    def program():
        thing("a", opts=pulumi.ResourceOptions(transforms=[lambda args: None]))
        pulumi.log.warn("careful")
        VARIABLE.set("program")

    before = pulumi_state(), process_state()
    recorded(program, config={"a": "b"})
    with pytest.raises(ZeroDivisionError):
        recorded(lambda: thing("a", {"size": 1}).size.apply(lambda _: 1 / 0), config={"a": "b"})
    assert (pulumi_state(), process_state()) == before
    assert VARIABLE.get() == "default"


def test_nothing_is_left_behind_in_a_fresh_context(recorded, thing):
    def in_thread():
        before = pulumi_state()
        recorded(lambda: thing("a", opts=pulumi.ResourceOptions(transforms=[lambda args: None])))
        assert pulumi_state() == before

    with ThreadPoolExecutor(1) as pool:
        pool.submit(in_thread).result()


def test_the_program_sees_the_callers_context(recorded):
    VARIABLE.set("caller")
    seen = []
    recorded(lambda: seen.append(VARIABLE.get()))
    assert seen == ["caller"]


def test_the_callers_config_is_not_seen(recorded):
    pulumi.runtime.set_config("project:mine", "x")
    try:
        assert recorded(lambda: pulumi.export("mine", pulumi.Config().get("mine"))).outputs == {}
    finally:
        del CONFIG.get()["project:mine"]


class PlainMocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        return f"{args.name}-id", {**args.inputs, "arn": "mine"}

    def call(self, args):
        return {}


@pytest.fixture
def users_mocks():
    """What a user's own test module does at import, with a loop as pytest's main thread has."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pulumi.runtime.set_mocks(PlainMocks(), project="mine", preview=False)
    yield
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    asyncio.set_event_loop(None)
    settings.reset_options(project="project", stack="stack")


def test_pulumis_own_tests_work_before_between_and_after(users_mocks, recorded, thing):
    seen = []

    def users_test(name):
        @pulumi.runtime.test
        def check():
            return thing(name).arn.apply(lambda arn: seen.append((pulumi.get_project(), arn)))

        check()

    users_test("before")
    first = recorded(lambda: thing("a"))
    users_test("between")
    assert recorded(lambda: thing("a")) == first
    users_test("after")
    assert seen == [("mine", "mine")] * 3


def test_record_works_inside_pulumis_own_test(users_mocks, recorded, thing):
    seen = []

    @pulumi.runtime.test
    def check():
        mine = thing("mine")
        seen.append(recorded(lambda: thing("a")).tree())
        return mine.arn.apply(seen.append)

    check()
    assert seen == ["aws:things/thing:Thing a", "mine"]


@pytest.mark.asyncio
async def test_record_works_with_a_loop_running_in_the_calling_thread(recorded, thing):
    loop = asyncio.get_running_loop()
    ticks = asyncio.create_task(asyncio.sleep(0))
    assert recorded(lambda: thing("a")).tree() == "aws:things/thing:Thing a"
    await ticks
    assert asyncio.get_running_loop() is loop


def test_record_works_inside_record(recorded, thing):
    def program():
        thing("outer")
        pulumi.export("inner", record(lambda: thing("inner")).tree())

    assert recorded(program).outputs == {"inner": "aws:things/thing:Thing inner"}


def test_eight_threads_record_at_once(recorded, site):
    def one(number):
        options = pulumi.ResourceOptions(transforms=[lambda args: None])
        programs = [lambda i=i: site(f"s{number}-{i}", opts=options) for i in range(6)]
        return [recorded(program, config={"n": str(number)}).tree() for program in programs]

    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(one, range(8)))
    for number, found in enumerate(trees):
        for i, tree in enumerate(found):
            name = f"s{number}-{i}"
            thing = "aws:things/thing:Thing"
            assert tree == f"test:web:Site {name}\n  {thing} {name}-bucket\n    {thing} {name}-page"


def test_a_large_program_needs_no_deep_stack(recorded, thing):
    def program():
        last = thing("t0")
        for i in range(1, 200):
            last = thing(f"t{i}", {"size": last.size}, pulumi.ResourceOptions(depends_on=[last]))

    assert len(recorded(program).resources) == 200


def test_nothing_is_left_open(recorded, thing):
    gc.collect()  # what other tests have left
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        recorded(lambda: thing("a"))
        with pytest.raises(ZeroDivisionError):
            recorded(lambda: thing("a", {"size": 1}).size.apply(lambda _: 1 / 0))
        gc.collect()
    assert [str(w.message) for w in caught if issubclass(w.category, ResourceWarning | RuntimeWarning)] == []


def test_a_program_may_use_threads_that_call_back(recorded, thing):
    async def program():
        async def answer():
            return "late"

        loop = asyncio.get_running_loop()
        name = await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(answer(), loop).result(10))
        thing(name)

    before = threading.active_count()
    assert recorded(program).tree() == "aws:things/thing:Thing late"
    assert threading.active_count() <= before


def test_a_task_the_program_forgot_is_stopped(recorded, caplog):
    def program():
        asyncio.ensure_future(asyncio.sleep(3600))  # noqa: RUF006

    assert recorded(program).resources == ()
    assert caplog.text == ""


def test_our_mocks_work_with_pulumis_own_set_mocks(users_mocks, thing):
    pulumi.runtime.set_mocks(CloudMocks(), project="mine")
    seen = []

    @pulumi.runtime.test
    def check():
        return thing("a").arn.apply(seen.append)

    check()
    assert seen[0].startswith("arn:aws:things:")
