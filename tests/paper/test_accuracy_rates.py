"""Accuracies in the figure and in the table against the rows."""

import pytest
from matplotlib.colors import to_hex

from seatbelt_vae.paper.drawing.accuracy_rates import draw_rates
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.run_matrix import run_matrices
from seatbelt_vae.paper.sizes import SIZES
from seatbelt_vae.report.drawing.style import PUBLISHED
from tests.paper.made_up import made_up


@pytest.fixture(scope="module")
def store():
    return made_up([EXPERIMENTS["table1"]], SIZES["small"])


def test_shares_are_those_of_the_rows(store):
    (figure,) = EXPERIMENTS["table1"].figures
    rows = {p: store.query(figure.query("table1", p)).to_pylist() for p in ("paper", "strong")}
    sheet = draw_rates(rows)["strong"]
    drawn = {
        line.get_label(): line.get_xdata()[0]
        for line in sheet.canvas.axes[0].get_lines()
        if line.get_linestyle() == "None" and to_hex(line.get_color()) != PUBLISHED
    }
    found = store.query(
        "SELECT classifier, series, avg((clean_prediction = 3)::INT) AS clean, "
        "avg((attacked_prediction = 3)::INT) AS attacked FROM members JOIN downstream USING (run) "
        "WHERE strength = 'strong' GROUP BY classifier, series"
    ).to_pylist()
    expected = {
        f"{row['classifier']}, {row['series']}, {name}": row[name]
        for row in found
        for name in ("clean", "attacked")
    }
    assert len(expected) == 18
    assert drawn == pytest.approx(expected)
    (last,) = [r for r in found if (r["classifier"], r["series"]) == ("mlp-latents", "VAE")]
    line = next(line for line in sheet.table.rows if line[0].note == "MLP(y | z)")
    assert [cell.text for cell in line[:4]] == [
        "VAE",
        f"{100 * last['clean']:.0f} %",
        f"{100 * last['attacked']:.0f} %",
        f"−{100 * (last['clean'] - last['attacked']):.0f} %",
    ]
    assert (line[5].text, line[5].note, line[5].published) == ("16 %", "−41 %", True)


def rows_of(answers):
    """Rows of three trainings, each with these answers (clean, attacked), one per image."""
    return [
        {
            "panel": "p",
            "classifier": "mlp-latents",
            "series": "VAE",
            "seed": run,
            "run": f"run{run}",
            "item": item,
            "clean": clean,
            "attacked": attacked,
            "distance": 0.5,
        }
        for run in range(3)
        for item, (clean, attacked) in enumerate(answers)
    ]


def test_the_drop_is_of_the_same_images_and_trainings():
    # every image that is right stays right or not at all: the drop has no spread, the shares have
    rows = rows_of([(1, 0), (1, 0), (1, 1), (0, 0)] * 5)
    (line,) = draw_rates({"strong": rows})["strong"].table.rows
    cells = run_matrices(
        [{**row, "x": 0, "size": "", "value": row["attacked"] - row["clean"]} for row in rows]
    )
    drop = cells["p", "VAE", 0.0].estimate()
    low, high = (f"{100 * end:.0f} %".replace("-", "−") for end in (drop.low, drop.high))
    assert (line[3].text, line[3].note) == ("−50 %", f"{low} … {high}")
    assert line[4].text == "0.50"


def test_ranges_end_where_shares_do():
    (line,) = draw_rates({"strong": rows_of([(1, 0)] * 19 + [(0, 1)])})["strong"].table.rows
    clean, attacked, drop = (cell.note for cell in line[1:4])
    assert clean.endswith("… 100 %")
    assert attacked.startswith("0 % …")
    assert drop.startswith("−100 % …")
