"""The hierarchical variational autoencoder and its networks; every preset is one of these."""

from seatbelt_vae.models.folded import fold_batch_norm
from seatbelt_vae.models.for_training import for_training
from seatbelt_vae.models.hierarchical import HierarchicalVAE
from seatbelt_vae.models.store import load_model, save_model

__all__ = ["HierarchicalVAE", "fold_batch_norm", "for_training", "load_model", "save_model"]
