"""Every benchmark imports and explains itself, so that refactorings of the package reach it."""

from importlib import import_module

import pytest

from tests.conftest import ROOT

_PROGRAMS = sorted(
    path.stem
    for path in (ROOT / "benchmarks").glob("*.py")
    if "__main__" in path.read_text("utf-8")
)


# foolbox imports a namespace that SciPy deprecates
@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
@pytest.mark.parametrize("name", _PROGRAMS)
def test_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        module = import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in ("seatbelt_vae", "benchmarks"):
            raise
        pytest.skip(f"needs {error.name} of the extra 'benchmarks'")
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit, match="0"):
        module.main()
    assert (module.__doc__ or "").splitlines()[0].split()[0] in capsys.readouterr().out
