"""Sizes of the frontier of defences."""

from dataclasses import replace
from types import MappingProxyType

from seatbelt_vae.config import AttackConfig, ModelConfig
from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.paper import sizes

__all__ = ["DEFENCE_SIZES"]

SMALL = replace(
    sizes.SMALL,
    summary="32×32 images and half widths: about three hours on two cores",
    betas=(1, 6),
    seeded_betas=(),  # every kind of model has all seeds
    seeded_data=(),
    latents=(32,),
    averaged_latents=(32,),
    depths=(2, 4),
    training=replace(sizes.SMALL.training, steps=1000),
    attack=AttackConfig(
        threat="l2",
        budgets=(0.1, 0.2, 0.3),
        pairs=20,
        restarts=1,
        max_evaluations=150,
        gradient_free=100,
        fresh_draws=16,
        threads=1,
        together=20,
    ),
    stand_ins=MappingProxyType({}),
    only=MappingProxyType({}),
    likelihood="gaussian",
    hardening=HardeningConfig(steps=1000, threads=1),
)

MEDIUM = replace(
    SMALL,
    name="medium",
    summary="64×64 images and half widths: 14 hours on two cores",
    image_size=64,
    network=ModelConfig(filters=(16, 16, 32, 32), features=128, hierarchy_widths=(256, 128, 64)),
    training=replace(SMALL.training, steps=5000),
    hardening=HardeningConfig(steps=5000, threads=1),
)

SMOKE = replace(
    SMALL,
    name="smoke",
    summary=sizes.SMOKE.summary,
    seeds=(0,),
    latents=(4,),
    averaged_latents=(4,),
    depths=(2,),
    network=sizes.SMOKE.network,
    training=replace(sizes.SMOKE.training, steps=20),
    attack=replace(
        SMALL.attack,
        budgets=(0.2,),
        pairs=2,
        restarts=0,
        recheck=0.0,
        gradient_free=0,
        max_evaluations=3,
        fresh_draws=2,
        together=2,
    ),
    evaluation=sizes.SMOKE.evaluation,
    stand_ins=sizes.SMOKE.stand_ins,
    hardening=HardeningConfig(steps=3, batch_size=8, threads=1),
)

DEFENCE_SIZES = {size.name: size for size in (SMOKE, SMALL, MEDIUM)}
