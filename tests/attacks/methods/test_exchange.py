"""The strong attack descends again, round after round, from the best points known."""

from seatbelt_vae.attacks import attack
from seatbelt_vae.config import AttackConfig
from tests.attacks.models import Linear, images


def test_several_rounds_of_short_descents_reach_the_minimum_of_long_ones():
    """Six evaluations per descent need more than two rounds to converge."""
    x, target = (image[None] for image in images())
    long, short = (
        attack(
            Linear(units=8),
            x,
            target,
            AttackConfig(weight_count=9, restarts=0, recheck=0, max_evaluations=most),
        )
        for most in (500, 6)
    )
    assert (short.delta <= 1.005 * long.delta).all()
