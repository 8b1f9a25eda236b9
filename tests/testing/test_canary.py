"""Says which part of Pulumi's insides changed, when an upgrade breaks `record`."""

import inspect

import pulumi
import pulumi.output
import pytest
from pulumi._utils import ContextProperty
from pulumi.runtime import _callbacks, _context, mocks, rpc, settings, stack

from inference_edge_cache.testing import _runtime, _wire

KNOWN_SETTINGS = {
    "base_providers_by_ref",
    "callbacks",
    "dry_run",
    "engine",
    "legacy_apply_enabled",
    "lock",
    "monitor",
    "monitor_features",
    "organization",
    "outputs",
    "package_refs",
    "parallel",
    "project",
    "root_directory",
    "rpc_manager",
    "stack",
}


def test_pulumi_has_the_settings_we_know():
    found = {name for name, value in vars(settings.Settings).items() if isinstance(value, ContextProperty)}
    assert found == KNOWN_SETTINGS, "look at _runtime._configure: does a new setting need a value?"


def test_a_setting_is_kept_in_a_context_variable():
    assert vars(settings.Settings)["callbacks"]._data.name == "Settings.callbacks"


@pytest.mark.parametrize("name", ["project", "stack", "monitor", "engine", "dry_run", "legacy_apply_enabled"])
def test_settings_are_filled_by_their_constructor(name):
    assert name in inspect.signature(settings.Settings).parameters


@pytest.mark.parametrize(
    "method",
    ["make_urn", "GetDeploymentInfo", "RegisterResource", "ReadResource", "RegisterResourceOutputs", "Invoke"],
)
def test_the_monitor_has_the_methods_we_replace(method):
    assert callable(getattr(mocks.MockMonitor, method))


def test_the_callback_server_keeps_nothing_we_do_not_set():
    mine = set(vars(_runtime._NoServer(None)))
    theirs = set(_callbacks._CallbackServicer.__annotations__) - {"_servicers"}
    assert theirs - mine == {"_server", "_loop"}, "look at _runtime._NoServer"


def test_the_wire_signatures_are_pulumis():
    assert rpc._special_sig_key == _wire.SIGNATURE
    assert rpc._special_secret_sig == _wire.SECRET
    assert rpc._special_asset_sig == _wire.ASSET
    assert rpc._special_archive_sig == _wire.ARCHIVE
    assert rpc.UNKNOWN == _wire.UNKNOWN


def test_an_output_in_a_string_logs_the_warning_we_turn_into_an_error():
    source = inspect.getsource(pulumi.Output.__str__)
    assert "_OutputToStringError" in source
    assert "log.warn" in source


def test_the_program_is_run_in_a_stack():
    assert list(inspect.signature(stack.run_in_stack).parameters) == ["func"]
    assert settings.ROOT.name == "root_resource"


def test_pulumis_calls_are_told_from_a_programs():
    assert _context.wrap_with_context(print).__module__ == _context.__name__, "look at _runtime._Inline"
