"""Generates proto/gen from the contracts: `python proto/generate.py [OUTPUT_FOLDER]`.

The result is committed, so that nobody needs a generator to run the system, and a test compares it
with a fresh generation. Message classes and their types come from protoc and mypy-protobuf, in the
versions that requirements/dev.txt pins.
"""

import shutil
import sys
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

PROTO_ROOT = Path(__file__).resolve().parent


def generate(output: Path) -> None:
    """Writes the generated tree to `output`, replacing what is there.

    Raises:
        SystemExit: when protoc refuses a file; its message stands on stderr.
    """
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    sources = sorted(str(path) for path in (PROTO_ROOT / "kyufu").rglob("*.proto"))
    well_known = resources.files("grpc_tools") / "_proto"
    tools = Path(sys.executable).parent
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTO_ROOT}",
            f"--proto_path={well_known}",
            f"--plugin=protoc-gen-mypy={tools / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={tools / 'protoc-gen-mypy_grpc'}",
            f"--python_out={output}",
            f"--mypy_out={output}",
            f"--grpc_python_out={output}",
            f"--mypy_grpc_out={output}",
            *sources,
        ]
    )
    if status != 0:
        raise SystemExit(f"protoc ended with status {status}")
    for folder in {path.parent for path in output.rglob("*_pb2.py")}:
        empty_grpc_modules(folder)


def empty_grpc_modules(folder: Path) -> None:
    """Drops the gRPC modules of contracts without a service: they hold no code."""
    for module in folder.glob("*_pb2_grpc.py"):
        if "add_" not in module.read_text(encoding="utf-8"):
            module.unlink()
            module.with_suffix(".pyi").unlink(missing_ok=True)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else PROTO_ROOT / "gen")
