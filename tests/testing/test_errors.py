"""What comes out of `record` when a program is wrong."""

import pulumi
import pytest

from inference_edge_cache.testing import CloudMocks, RecordingError, record


class Custom(Exception):
    pass


def raising(error):
    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [Custom("x"), ValueError("x"), pulumi.RunError("x"), SystemExit(3), KeyboardInterrupt()]
)
def test_an_error_in_the_program_keeps_its_type(recorded, error):
    with pytest.raises(type(error)) as caught:
        recorded(raising(error))
    assert caught.value is error


def test_an_error_after_a_resource_keeps_its_type(recorded, thing):
    def program():
        thing("a").arn.apply(print)
        raise Custom("late")

    with pytest.raises(Custom, match="late"):
        recorded(program)


def test_an_error_in_an_apply_keeps_its_type(recorded, thing):
    with pytest.raises(Custom):
        recorded(lambda: thing("a", {"size": 1}).size.apply(raising(Custom("x"))))


def test_an_error_in_an_input_keeps_its_type(recorded, thing):
    with pytest.raises(Custom):
        recorded(lambda: thing("a", {"size": pulumi.Output.from_input(1).apply(raising(Custom("x")))}))


def test_an_error_in_mocks_keeps_its_type(thing):
    with pytest.raises(Custom, match="no such type"):
        record(
            lambda: thing("a"), mocks=CloudMocks(outputs={"aws:things/thing:Thing": raising(Custom("no such type"))})
        )


@pytest.mark.parametrize("call", [pulumi.runtime.invoke, pulumi.runtime.invoke_output])
def test_an_error_in_an_invoke_keeps_its_type(recorded, call):
    with pytest.raises(Custom):
        recorded(lambda: call("x:y/z:z", {}), mocks=CloudMocks(answers={"x:y/z:z": raising(Custom("x"))}))


def test_an_invoke_that_reports_failures_is_an_error(recorded):
    class Failing(CloudMocks):
        def call(self, args):
            return {}, [("name", "not found")]

    with pytest.raises(Exception, match=r"invoke of x:y/z:z failed: not found \(name\)"):
        recorded(lambda: pulumi.runtime.invoke("x:y/z:z", {}), mocks=Failing())


def test_two_resources_with_one_urn_are_refused(recorded, thing):
    with pytest.raises(RecordingError, match=r"duplicate resource URN .*Thing::a"):
        recorded(lambda: (thing("a"), thing("a")))


def test_reading_under_a_urn_in_use_is_refused(recorded, thing):
    with pytest.raises(RecordingError, match="duplicate resource URN"):
        recorded(lambda: (thing("a"), thing("a", opts=pulumi.ResourceOptions(id="t-1"))))


def test_one_name_with_two_types_or_two_parents_is_fine(recorded, thing, site):
    def program():
        thing("a"), thing("a", type_="aws:things/other:Other")
        thing("a", opts=pulumi.ResourceOptions(parent=site("b")))

    assert len(recorded(program).resources) == 6


def test_an_output_put_into_a_string_is_an_error(recorded, thing):
    with pytest.raises(Exception, match=r"Calling __str__ on an Output\[T\] is not supported"):
        recorded(lambda: thing("a", {"text": f"x-{thing('b').arn}"}))


def test_mocks_that_return_an_output_are_an_error(thing):
    mocks = CloudMocks(outputs={"aws:things/thing:Thing": lambda new: {"arn": pulumi.Output.from_input("x")}})
    with pytest.raises(RecordingError, match="plain values, not Output"):
        record(lambda: thing("a"), mocks=mocks)


def test_an_error_does_not_spoil_the_next_run(recorded, thing):
    for _ in range(3):
        with pytest.raises(Custom):
            recorded(lambda: thing("a", {"size": 1}).size.apply(raising(Custom("x"))))
        assert len(recorded(lambda: thing("a")).resources) == 1
