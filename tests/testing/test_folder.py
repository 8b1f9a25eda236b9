"""Programs in a folder, recorded in a child process."""

import os
import sys
from pathlib import Path

import pytest

from inference_edge_cache.testing import CloudMocks, RecordingError, Secret, record
from inference_edge_cache.testing import _child as child
from inference_edge_cache.testing._folder import read_task

YAML = """\
name: shop
runtime: {name: python, options: {virtualenv: venv}}
config:
  aws:region: {value: eu-west-1}
  plain: p
  size: {type: integer, default: 3}
  debug: {type: boolean, default: false}
  token: {default: hush, secret: true}
  required: {type: string}
"""
PROGRAM = """\
import os, sys
import pulumi
import helper

config = pulumi.Config()
pulumi.CustomResource("aws:things/thing:Thing", helper.NAME, {"size": config.require_int("size")})
pulumi.log.warn("careful")
pulumi.export("region", pulumi.Config("aws").require("region"))
pulumi.export("plain", config.require("plain"))
pulumi.export("debug", config.require_bool("debug"))
pulumi.export("token", config.require_secret("token"))
pulumi.export("required", config.get("required"))
pulumi.export("place", os.path.basename(os.getcwd()))
pulumi.export("name", __name__)
print("printed")
"""


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__py", ".py").replace("__yaml", ".yaml").replace("__slash__", "/")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return folder


@pytest.fixture
def shop(tmp_path):
    folder = write(tmp_path / "code", Pulumi__yaml=YAML, helper__py='NAME = "from-helper"')
    (folder / "__main__.py").write_text(PROGRAM)
    return folder


@pytest.fixture
def task():
    return lambda folder, **more: read_task(
        Path(folder), **{"preview": False, "config": {}, "project": None, "stack": "stack", **more}
    )


@pytest.fixture
def child_state(monkeypatch):
    """What the child's code changes, changed back: it is called in this process here."""
    monkeypatch.chdir(os.getcwd())
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delitem(sys.modules, "helper", raising=False)
    yield
    sys.modules.pop("helper", None)


OUTPUTS = {
    "region": "eu-west-1",
    "plain": "p",
    "debug": False,
    "token": Secret("hush"),
    "place": "code",
    "name": "__main__",
}


def test_a_folder_is_recorded_with_the_defaults_of_its_pulumi_yaml(shop, recorded, capfd):
    recording = recorded(shop)
    assert recording.tree() == "aws:things/thing:Thing from-helper"
    assert recording.one("from-helper").urn.startswith("urn:pulumi:stack::shop::")
    assert recording.one("from-helper").inputs == {"size": 3}
    assert recording.outputs == OUTPUTS
    assert recording.warnings == ("careful",)
    assert capfd.readouterr().out == "printed\n"


def test_the_path_may_be_a_string_and_recordings_are_equal(shop, recorded):
    assert recorded(str(shop)) == recorded(shop)


def test_config_project_and_stack_win_over_the_defaults(shop):
    recording = record(shop, config={"size": 5, "aws:region": "us-west-2", "required": "r"}, stack="dev")
    assert recording.one("from-helper").inputs == {"size": 5}
    assert recording.one("from-helper").urn.startswith("urn:pulumi:dev::shop::")
    assert recording.outputs == OUTPUTS | {"region": "us-west-2", "required": "r"}
    assert record(shop, project="other").one("from-helper").urn.startswith("urn:pulumi:stack::other::")


def test_this_process_is_left_alone(shop):
    before = os.getcwd(), sys.path[:], set(sys.modules)
    record(shop)
    assert (os.getcwd(), sys.path) == before[:2]
    assert "helper" not in sys.modules


def test_a_module_in_the_folder_hides_nothing_that_pulumi_needs(shop):
    (shop / "types.py").write_text("raise RuntimeError('not the types you want')")
    assert record(shop).outputs == OUTPUTS


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("raise ValueError('bad region')", "failed: ValueError: bad region\n\nTraceback"),
        ("import sys; sys.exit(3)", "failed: SystemExit: 3"),
        ("import os; os._exit(7)", "failed: its process ended with code 7"),
        ("pulumi.Config().require('nothing')", "failed: .*Missing required configuration variable 'shop:nothing'"),
    ],
)
def test_a_program_that_fails_says_why(shop, line, expected):
    (shop / "__main__.py").write_text(f"import pulumi\n{line}\n")
    with pytest.raises(RecordingError, match=expected) as caught:
        record(shop)
    assert str(shop) in str(caught.value)


def test_mocks_cannot_go_to_another_process(shop):
    with pytest.raises(RecordingError, match="runs in its own process, where these mocks cannot go"):
        record(shop, mocks=CloudMocks())


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        (None, "is no Pulumi program: it has no Pulumi.yaml"),
        ("name: [", "is not YAML"),
        ("runtime: python", "does not say the project's name"),
        ("just text", "does not say the project's name"),
        ("{name: a, runtime: nodejs}", "for the runtime 'nodejs': only python"),
        ("{name: a, runtime: {name: go}}", "for the runtime 'go': only python"),
        ("{name: a, runtime: python}", r"has no Python program: .*__main__.py does not exist"),
        ("{name: a, runtime: python, main: infra}", r"has no Python program: .*infra.__main__.py does not exist"),
    ],
)
def test_a_folder_that_is_no_program_is_refused(tmp_path, yaml, message):
    if yaml:
        write(tmp_path, Pulumi__yaml=yaml)
    with pytest.raises(RecordingError, match=message):
        record(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(RecordingError, match=r"there is no folder .*nowhere"):
        record(tmp_path / "nowhere")


@pytest.mark.parametrize(("main", "file"), [("infra", "infra/__main__.py"), ("infra/site.py", "infra/site.py")])
def test_main_may_be_a_folder_or_a_file(tmp_path, task, main, file, child_state):
    write(tmp_path, Pulumi__yaml=f"{{name: a, runtime: python, main: {main}}}")
    (tmp_path / "infra").mkdir()
    (tmp_path / file).write_text("import os, pulumi; pulumi.export('place', os.path.basename(os.getcwd()))")
    answer = child.answer(task(tmp_path))
    assert answer.recording is not None
    assert answer.recording.outputs == {"place": "infra"}


def test_pulumi_yml_is_read_too(tmp_path, task):
    (tmp_path / "Pulumi.yml").write_text("{name: a, runtime: python, config: old/style/folder}")
    (tmp_path / "__main__.py").write_text("")
    assert task(tmp_path).job.project == "a"
    assert task(tmp_path).job.config == {}


def test_the_child_answers_with_the_recording(shop, task, tmp_path, child_state):
    import pickle

    (tmp_path / "task").write_bytes(pickle.dumps(task(shop)))
    child.main(str(tmp_path / "task"), str(tmp_path / "answer"))
    answer = pickle.loads((tmp_path / "answer").read_bytes())
    assert answer == child.Answer(record(shop))


def test_the_child_answers_with_the_error(shop, task, child_state):
    (shop / "__main__.py").write_text("1 / 0")
    answer = child.answer(task(shop))
    assert (answer.recording, answer.error) == (None, "ZeroDivisionError: division by zero")
    assert "__main__.py" in answer.trace
