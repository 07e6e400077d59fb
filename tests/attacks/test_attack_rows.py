"""The declared columns of an attack row are those documented, stored, and known to the store."""

import pyarrow as pa
import torch

from seatbelt_vae.attacks import checked_attack
from seatbelt_vae.attacks.attack_rows import COLUMNS
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.results.columns import views
from tests.attacks.models import TwoLayers, images
from tests.conftest import ROOT

ARROW = {
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "DOUBLE[]": pa.list_(pa.float64()),
}
IDENTITY = {
    "pair": 3,
    "input_index": 7,
    "target_index": 2,
    "loss": "latent-kl",
    "layers": "all",
    "path": "mean",
    "threat": "penalty",
    "strength": "strong",
    "solver": "quasi-newton",
    "seed": 0,
}


def checked(**settings):
    """A checked attack on one pair; a sibling's images are tried too."""
    x, target = (image[None] for image in images())
    config = AttackConfig(weight_count=3, restarts=0, gradient_free=20, **settings)
    return checked_attack(TwoLayers(), x, target, config, transferred=target[:, None])


def test_the_documented_table_is_the_declaration():
    lines = (ROOT / "docs" / "rows.md").read_text().splitlines()
    start = lines.index("| column | type | meaning |")
    table = [f"| `{c.name}` | {c.type} | {c.meaning} |" for c in COLUMNS]
    assert lines[start + 2 : start + 2 + len(COLUMNS) + 1] == [*table, ""]


def test_a_row_has_the_declared_columns_in_order_with_their_types():
    rows = checked(recheck=0.4).rows(0, IDENTITY)
    assert len(rows) == 3
    for row in rows:
        assert list(row) == [column.name for column in COLUMNS]
        for column in COLUMNS:
            assert pa.array([row[column.name]]).type == ARROW[column.type], column.name


def test_the_store_knows_the_same_types():
    known = views()["attacks"]
    for column in COLUMNS:
        assert known.get(column.name, ARROW[column.type]) == ARROW[column.type], column.name


def test_sources_add_columns_and_change_no_other():
    attack = checked(recheck=0)
    alone = attack.controlled.attack.rows(0)
    row = attack.rows(0, IDENTITY)
    names = [column.name for column in COLUMNS]
    assert list(alone[0]) == names[10:35]
    for level, (whole, plain) in enumerate(zip(row, alone, strict=True)):
        assert {name: whole[name] for name in IDENTITY} == IDENTITY
        assert whole["exceeds_bound"] == plain["exceeds_bound"]
        assert (whole["delta_attack"], whole["status_attack"]) == (plain["delta"], plain["status"])
        assert whole["delta"] == float(attack.result.delta[0, level])
        transfer = float(attack.controlled.delta["transfer"][0, level])
        assert whole["delta_transfer"] == transfer
        assert whole["transfer_beats"] == bool(attack.controlled.beats("transfer")[0, level])


def test_an_attack_that_failed_is_marked_though_a_control_repaired_it():
    """`exceeds_bound` belongs to the attack before its controls."""
    x, target = (image[None] for image in images())
    config = AttackConfig(weight_count=9, strength="single", max_evaluations=1, recheck=0)
    found = checked_attack(TwoLayers(), x, target, config, transferred=target[:, None])
    before, after = found.controlled.attack.exceeds_bound, found.result.exceeds_bound
    assert (before & ~after).any()
    assert [row["exceeds_bound"] for row in found.rows(0)] == before[0].tolist()


def test_unknown_numbers_are_none():
    row = checked(recheck=0).rows(0)[0]
    assert row["unconverged"] is None
    assert torch.tensor(row["divergence_parts"]).isfinite().all()
