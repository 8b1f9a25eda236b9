"""Print the oldest version of every dependency that pyproject.toml allows, as pip constraints."""

import re
import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
groups = [project["dependencies"], *(extras[name] for name in ("aws", "gcp", "local", "purge-aws", "purge-gcp"))]
wanted = [name for group in groups for name in group if not name.startswith("inference-edge-cache[")]

for requirement in wanted:
    floor = re.match(r"([A-Za-z0-9._-]+)(\[[^]]*])?>=([0-9.]+)", requirement)
    if floor is None:
        sys.exit(f"{requirement!r} in pyproject.toml has no floor: write it as name>=version")
    print(f"{floor[1]}=={floor[3]}")
