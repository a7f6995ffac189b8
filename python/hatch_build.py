"""Builds the program and puts it into the wheel's scripts."""

import os
import re
import subprocess
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent  # of the Go module


class ProgramHook(BuildHookInterface):
    """Adds the program of this repository, for the platform that GOOS and GOARCH name."""

    def initialize(self, version, build_data):
        system, machine = subprocess.check_output(
            ["go", "env", "GOOS", "GOARCH"], cwd=ROOT, text=True
        ).split()
        name = "encas-zoo.exe" if system == "windows" else "encas-zoo"
        program = ROOT / "build" / "python" / f"{system}-{machine}" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        # Without a word about it in GOFLAGS, no paths of this machine are left in the program.
        trimpath = [] if "-trimpath" in os.environ.get("GOFLAGS", "") else ["-trimpath"]
        subprocess.check_call(
            ["go", "build", *trimpath, "-ldflags", "-s -w", "-o", str(program), "./cmd/encas-zoo"], cwd=ROOT
        )
        build_data["shared_scripts"][str(program)] = name
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(system, machine, program)}"


def platform_tag(system: str, machine: str, program: Path) -> str:
    """Returns the oldest platform that the program runs on, as a tag of a wheel."""
    arch = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686"}.get(machine, machine)
    if system == "linux":
        # Linked with glibc, it names the versions of the functions that it needs.
        needs = [int(n) for n in re.findall(rb"GLIBC_2\.(\d+)\0", program.read_bytes())]
        return f"manylinux_2_{max(needs, default=17)}_{arch}"
    if system == "darwin":
        arch = {"aarch64": "arm64"}.get(arch, arch)
        return f"macosx_{os.environ.get('MACOSX_DEPLOYMENT_TARGET', '12.0').replace('.', '_')}_{arch}"
    if system == "windows":
        return {"amd64": "win_amd64", "arm64": "win_arm64", "386": "win32"}[machine]
    raise SystemExit(f"no wheels are made for {system}")
