"""Measures the time of `import facekit` and of each script's `--help`, and lists the heavy packages that they load."""

import subprocess
import sys
import tempfile
from functools import partial

from children import ROOT, alternate, environment, machine, run_child, verdict

HEAVY = ("keras", "tensorflow", "dlib", "cv2", "matplotlib", "openvino")
ROUNDS = 7


def main() -> None:
    scripts = sorted(path.name for path in ROOT.glob("face_*.py"))
    commands = {
        "python -c pass": ["-c", "pass"],
        "import facekit": ["-c", "import facekit"],
        **{f"{name} --help": [str(ROOT / name), "--help"] for name in scripts},
    }
    with tempfile.TemporaryDirectory() as bytecode:
        env = environment(bytecode)
        taken = alternate({name: partial(run_child, command, env) for name, command in commands.items()}, ROUNDS)
        loaded = {name: heavy_imports(command, env) for name, command in commands.items()}
    print(f"{machine()}; medians of {ROUNDS}, bytecode compiled before\n")
    print(f"{'':<28}{'CPU s':>8}{'wall s':>8}  loads, of {', '.join(HEAVY)}")
    for name, usage in taken.items():
        print(f"{name:<28}{usage.cpu:8.3f}{usage.wall:8.3f}  {', '.join(loaded[name]) or 'none'}")
    print()
    print(verdict("Slowest, wall time", max(usage.wall for usage in taken.values()), 0.3, unit=" s"))
    print(verdict("Slowest, CPU time", max(usage.cpu for usage in taken.values()), 0.3, unit=" s"))
    print(verdict("Programs that load one of these", sum(map(bool, loaded.values())), 0))


def heavy_imports(command: list[str], env: dict[str, str]) -> list[str]:
    """Lists the heavy packages that a command imports."""
    done = subprocess.run([sys.executable, "-X", "importtime", *command], capture_output=True, text=True, env=env)
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    return [name for name in HEAVY if name in imported]


if __name__ == "__main__":
    main()
