"""System packages that DataFlow's build and test servers need; plain Python, so it runs before anything else.

`python tests/servers/packages.py [--servers]` installs what is missing when it may (root), else prints one line.
The clusters and services that Debian's packages set up are never used, so a failing post-install script does not
matter: what counts is that the programs are there afterwards.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/lib/postgresql/15/bin"])
BUILD_PROGRAMS = {"make": "make", "cc": "gcc", "c++": "g++"}
SERVER_PROGRAMS = {
    "initdb": "postgresql-15",
    "mariadbd": "mariadb-server-core",
    "mariadb-install-db": "mariadb-server-core",
    "my_print_defaults": "mariadb-client-core",
    "openssl": "openssl",
    "pgbouncer": "pgbouncer",
    "setpriv": "util-linux",
}


def missing_packages(*, servers: bool) -> list[str]:
    """Names of the Debian packages whose programs are not on this machine."""
    programs = BUILD_PROGRAMS | (SERVER_PROGRAMS if servers else {})
    packages = {package for program, package in programs.items() if not _is_installed(program)}
    if "cc" in programs and not Path("/usr/include/stdio.h").exists():
        packages.add("libc6-dev")
    if importlib.util.find_spec("ensurepip") is None:  # Debian splits it off its Python
        packages.add("python3-venv")
    return sorted(packages)


def _is_installed(program: str) -> bool:
    if program == "initdb":  # exactly 15: another version's initdb may be first on PATH
        return Path("/usr/lib/postgresql/15/bin/initdb").exists()
    return shutil.which(program, path=SEARCH_PATH) is not None


def install(packages: list[str]) -> None:
    """Install by apt-get; its exit code is not asked, see the module's docstring."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], env=environment, check=False)
    command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages]
    subprocess.run(command, env=environment, check=False)


def main(arguments: list[str]) -> int:
    servers = "--servers" in arguments
    packages = missing_packages(servers=servers)
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        install(packages)
        packages = missing_packages(servers=servers)
    if packages:
        print(f"System packages are missing: sudo apt-get install {' '.join(packages)}", file=sys.stderr)
    return int(bool(packages))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
