"""Names of the package are imported lazily, and are never hidden by a submodule."""

import subprocess
import sys
from importlib import import_module
from inspect import ismodule

import seatbelt_vae.evaluation as evaluation


def test_every_public_name_is_imported_from_its_module() -> None:
    for module in evaluation._NAMES_BY_MODULE:
        import_module(f"seatbelt_vae.evaluation.{module}")
    for name in evaluation.__all__:
        found = getattr(evaluation, name)
        assert not ismodule(found), f"a submodule has the name {name}: rename it"
    assert sorted(evaluation.__all__) == sorted(
        " ".join(evaluation._NAMES_BY_MODULE.values()).split()
    )


def test_declarations_do_not_import_torch() -> None:
    program = "import sys, seatbelt_vae.evaluation.measures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
