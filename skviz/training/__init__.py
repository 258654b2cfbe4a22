"""Training SK networks on image folders: the recipe, the loop, and the file that comes out."""

from skviz.training.checkpoint import Checkpoint
from skviz.training.engine import Step, Trainer, TrainingError
from skviz.training.export import describe, export_checkpoint, export_weights
from skviz.training.recipe import Recipe
from skviz.training.run import TrainingResult, run_settings, train

__all__ = [
    "Checkpoint",
    "Recipe",
    "Step",
    "Trainer",
    "TrainingError",
    "TrainingResult",
    "describe",
    "export_checkpoint",
    "export_weights",
    "run_settings",
    "train",
]
