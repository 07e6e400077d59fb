"""``attack``: one battery on one run, measured as soon as it is done."""

from typing import Any

from seatbelt_vae.cli.options import Attack
from seatbelt_vae.cli.output import print_json, print_table
from seatbelt_vae.cli.progress import ProgressLines
from seatbelt_vae.cli.trained import check_trained, load_data, use_threads
from seatbelt_vae.config.attack import parse_layers

__all__ = ["run"]


def run(options: Attack) -> None:
    """Attack, measure, print the summary."""
    folder = check_trained(options.folder)
    parse_layers(options.attack.layers, len(folder.read_json("model.json")["latent_sizes"]))
    with ProgressLines(quiet=options.output.quiet) as progress:
        from seatbelt_vae.attacks import run_battery
        from seatbelt_vae.evaluation import measure_battery
        from seatbelt_vae.models import load_model

        use_threads(options.attack.threads)
        data = load_data(folder, options.root)
        progress.show("attacking", 0, options.attack.pairs, "pairs")
        battery = run_battery(
            folder,
            data,
            options.attack,
            on_pair=lambda now: progress.show("attacking", now.pair + 1, now.pairs, "pairs"),
        )
        summary = measure_battery(
            battery,
            load_model(folder),
            on_progress=lambda done, pairs: progress.show("measuring", done, pairs, "pairs"),
        )
    if options.output.json:
        print_json({"battery": str(battery), **summary})
        return
    rows = [[name, *_shown(measure)] for name, measure in summary["measures"].items()]
    print_table(str(battery), ["measure", "value", "95 % interval", "unit"], rows)
    if summary["pairs"] < 10:
        print(f"{summary['pairs']} pairs: points, no intervals (10 or more are needed)")
    for flag in summary["flags"]:
        if flag["raised"]:
            print(f"flag raised: {flag['name']} ({flag['detail']})")


def _shown(measure: dict[str, Any]) -> list[str]:
    value, low, high = (measure[key] for key in ("value", "low", "high"))
    interval = "–" if low is None or high is None else f"{low:.4g} … {high:.4g}"
    return ["–" if value is None else f"{value:.4g}", interval, measure["unit"]]
