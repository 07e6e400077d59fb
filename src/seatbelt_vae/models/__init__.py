"""The hierarchical variational autoencoder of all presets, its networks and its files."""

from seatbelt_vae.models.hierarchical import HierarchicalVAE
from seatbelt_vae.models.inference_rewrite import fold_batch_norm
from seatbelt_vae.models.model_files import load_model, save_model
from seatbelt_vae.models.training_rewrite import for_training

__all__ = ["HierarchicalVAE", "fold_batch_norm", "for_training", "load_model", "save_model"]
