"""The test policy itself: in CI nothing is skipped, and a run without tests is an error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPS = {
    "mark": "import pytest\n@pytest.mark.skip(reason='later')\ndef test_a(): pass",
    "call": "import pytest\ndef test_a(): pytest.skip('later')",
    "xfail": "import pytest\n@pytest.mark.xfail(reason='later')\ndef test_a(): assert False",
    "xpass": "import pytest\n@pytest.mark.xfail(reason='later')\ndef test_a(): pass",
    "module": "import pytest\npytest.skip('later', allow_module_level=True)",
}


def run_pytest(path: Path, source: str, *, ci: bool) -> subprocess.CompletedProcess[str]:
    """A pytest of its own on one file, with the policy as its only plugin."""
    path.joinpath("test_it.py").write_text(source)
    environment = os.environ | {"CI": str(ci).lower(), "PYTHONPATH": str(ROOT)}
    options = ["-p", "tests.policy", "-c", os.devnull, "--rootdir", str(path)]
    command = [sys.executable, "-m", "pytest", *options, str(path)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("source", SKIPS.values(), ids=SKIPS)
def test_skip_fails_in_ci(tmp_path: Path, source: str) -> None:
    result = run_pytest(tmp_path, source, ci=True)
    assert result.returncode != 0
    assert "CI=true allows no skip and no xfail" in result.stdout
    assert "later" in result.stdout


@pytest.mark.parametrize("kind", ["mark", "call", "xfail", "xpass"])
def test_skip_is_allowed_elsewhere(tmp_path: Path, kind: str) -> None:
    assert run_pytest(tmp_path, SKIPS[kind], ci=False).returncode == 0


def test_run_without_tests_is_an_error(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, "", ci=False)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no test was collected" in result.stderr


def test_servers_of_this_machine_are_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/db")
    monkeypatch.setenv("PGHOST", "elsewhere")
    source = "import os\ndef test_a(): assert not {'DATABASE_URL', 'PGHOST'} & set(os.environ)"
    assert run_pytest(tmp_path, source, ci=True).returncode == 0
