"""The Python programs that README, docs and examples show; as a script, writes them for the type checker."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("examples/*/README.md")])


def programs() -> dict[str, str]:
    """Every Python block, by a name that says where it stands: ``docs_policies_1``."""
    found = {}
    for page in PAGES:
        where = re.sub(r"\W", "_", str(page.relative_to(ROOT).with_suffix(""))).lower()
        blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        found |= {f"{where}_{index}": block for index, block in enumerate(blocks)}
    return found


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.py"):
        old.unlink()
    for name, program in programs().items():
        (folder / f"{name}.py").write_text(program)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
