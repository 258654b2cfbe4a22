"""Training SK networks on image folders: the recipe, the loop, and the file that comes out."""

from skviz.training.checkpoint import Checkpoint as Checkpoint
from skviz.training.engine import (
    Step as Step,
    Trainer as Trainer,
    TrainingError as TrainingError,
)
from skviz.training.export import (
    describe as describe,
    export_checkpoint as export_checkpoint,
    export_weights as export_weights,
)
from skviz.training.recipe import Recipe as Recipe
from skviz.training.run import (
    TrainingResult as TrainingResult,
    run_settings as run_settings,
    train as train,
)
