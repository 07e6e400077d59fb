"""Figure A.7: two-dimensional codes of the Swiss roll under two penalties."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Experiment, Member
from seatbelt_vae.paper.figure_kinds import Clouds
from seatbelt_vae.paper.paper_model import single
from seatbelt_vae.paper.sizes import Size

__all__ = ["FIGA7"]


def _members(size: Size) -> Iterator[Member]:
    yield Member("VAE", single("swiss-roll", "vae", 1, 2))
    for series, preset in {"β-VAE": "beta-vae", "β-TCVAE": "beta-tcvae"}.items():
        for beta in size.roll_betas:
            yield Member(series, single("swiss-roll", preset, beta, 2))


FIGA7 = Experiment(
    id="figA7",
    title="The aggregate posterior of the Swiss roll, and its reconstructions",
    published=(
        "Codes overlap more as β grows; the β-VAE's reconstructions end in collapse, the "
        "β-TCVAE's keep the roll."
    ),
    members=_members,
    optional_metrics=("codes",),
    figures=(Clouds("codes"),),
)
