import subprocess
import sys

import pytest

import inference_edge_cache


def test_all_is_sorted_and_every_name_in_it_loads():
    names = inference_edge_cache.__all__
    assert len(set(names)) == len(names)
    assert set(names) == set(inference_edge_cache._MODULE_OF)
    for name in names:
        assert getattr(inference_edge_cache, name) is not None
    assert set(names) <= set(dir(inference_edge_cache))


def test_type_checkers_see_the_same_names_as_programs():
    from pathlib import Path

    source = Path(inference_edge_cache.__file__).read_text()
    typed = source[source.index("if TYPE_CHECKING:") : source.index("__version__")]
    for name in inference_edge_cache.__all__:
        assert name in typed


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = inference_edge_cache.Nonsense


def test_the_version_is_the_distributions():
    from importlib.metadata import version

    assert inference_edge_cache.__version__ == version("inference-edge-cache")


def test_only_the_component_is_hosted_for_other_languages():
    """Pulumi hosts every component class that it finds in the package's namespace, or else runs ``__main__``."""
    code = (
        "import inference_edge_cache as p, inspect, json;"
        "print(json.dumps([n for n, v in vars(p).items() if inspect.isclass(v) and 'Component' in str(v.__mro__)]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
