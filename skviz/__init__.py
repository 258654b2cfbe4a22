"""skviz: see which kernel a selective-kernel network chooses.

Everything a notebook needs is a name of this package. Names are imported when they are first
used, so that `import skviz` loads neither PyTorch nor Matplotlib.

    import skviz
    model = skviz.load_model()
    views = skviz.enlarge("dog.jpg", scales=(1.0, 1.5, 2.0), spec=model)
    attention = skviz.Probe(model)(views)
    attention["3_4"].shape       # (3, 2, C): views, branches, channels
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from skviz.version import __version__ as __version__

if TYPE_CHECKING:
    # X as X: these names are meant to be taken from here.
    from skviz.capture.attention import Attention as Attention
    from skviz.capture.intervene import intervene as intervene
    from skviz.capture.probe import Probe as Probe
    from skviz.data import (
        DataSource as DataSource,
        ImageSet as ImageSet,
        Subset as Subset,
        example_images as example_images,
        example_photo as example_photo,
        open_dataset as open_dataset,
    )
    from skviz.errors import (
        CaptureError as CaptureError,
        ImageError as ImageError,
        ModelError as ModelError,
        OutputError as OutputError,
        RunError as RunError,
        ScaleError as ScaleError,
        SkvizError as SkvizError,
        UnitError as UnitError,
        UnknownModelError as UnknownModelError,
        UsageError as UsageError,
        WeightsError as WeightsError,
    )
    from skviz.explorer.notebook import explore as explore
    from skviz.figures import (
        ChannelHeatmap as ChannelHeatmap,
        ChannelLines as ChannelLines,
        ClassCurves as ClassCurves,
        ComparedShifts as ComparedShifts,
        DepthLines as DepthLines,
        FieldMaps as FieldMaps,
        FieldWidths as FieldWidths,
        Thumbnails as Thumbnails,
        UnitBars as UnitBars,
        draw_attention as draw_attention,
        draw_field as draw_field,
        draw_run as draw_run,
        figure_style as figure_style,
        save_figure as save_figure,
    )
    from skviz.inference.compare import Comparison as Comparison, compare as compare
    from skviz.inference.paper import (
        PaperComparison as PaperComparison,
        compare_with_paper as compare_with_paper,
    )
    from skviz.inference.summary import Summary as Summary, summarise as summarise
    from skviz.models import (
        known_models as known_models,
        load_model as load_model,
        with_selective_kernels as with_selective_kernels,
    )
    from skviz.pictures.images import read_image as read_image
    from skviz.pictures.scaling import InputSpec as InputSpec, Views as Views, enlarge as enlarge
    from skviz.reports.write import write_report as write_report
    from skviz.runs.batches import BatchAnalyzer as BatchAnalyzer
    from skviz.runs.merge import merge_runs as merge_runs
    from skviz.runs.records import Run as Run
    from skviz.studies.controls.change import analyze as analyze
    from skviz.studies.controls.making import controls as controls
    from skviz.studies.controls.suite import ControlSuite as ControlSuite
    from skviz.studies.image import analyze_image as analyze_image
    from skviz.studies.image_result import ImageResult as ImageResult
    from skviz.studies.interventions.measure import intervene_dataset as intervene_dataset
    from skviz.studies.interventions.result import InterventionRun as InterventionRun
    from skviz.studies.receptive_field.result import ReceptiveField as ReceptiveField
    from skviz.studies.receptive_field.store import (
        load_field as load_field,
        save_field as save_field,
    )
    from skviz.studies.receptive_field.study import receptive_field as receptive_field
    from skviz.units import (
        Kernel as Kernel,
        Unit as Unit,
        paper_units as paper_units,
        select_units as select_units,
    )

# Module: the names that are taken from it.
_ROOMS = {
    "skviz.inference.compare": "Comparison compare",
    "skviz.inference.paper": "PaperComparison compare_with_paper",
    "skviz.studies.controls.making": "controls",
    "skviz.studies.controls.suite": "ControlSuite",
    "skviz.data": "DataSource ImageSet Subset example_images example_photo open_dataset",
    "skviz.studies.receptive_field.study": "receptive_field",
    "skviz.studies.receptive_field.result": "ReceptiveField",
    "skviz.studies.receptive_field.store": "load_field save_field",
    "skviz.studies.interventions.result": "InterventionRun",
    "skviz.studies.interventions.measure": "intervene_dataset",
    "skviz.reports.write": "write_report",
    "skviz.runs.merge": "merge_runs",
    "skviz.runs.batches": "BatchAnalyzer",
    "skviz.runs.records": "Run",
    "skviz.studies.controls.change": "analyze",
    "skviz.studies.image": "analyze_image",
    "skviz.studies.image_result": "ImageResult",
    "skviz.inference.summary": "Summary summarise",
    "skviz.capture.attention": "Attention",
    "skviz.capture.intervene": "intervene",
    "skviz.capture.probe": "Probe",
    "skviz.errors": (
        "CaptureError ImageError ModelError OutputError RunError ScaleError SkvizError "
        "UnitError UnknownModelError UsageError WeightsError"
    ),
    "skviz.explorer.notebook": "explore",
    "skviz.figures": (
        "ChannelHeatmap ChannelLines ClassCurves ComparedShifts DepthLines FieldMaps "
        "FieldWidths Thumbnails UnitBars draw_attention draw_field draw_run figure_style "
        "save_figure"
    ),
    "skviz.pictures.images": "read_image",
    "skviz.models": "known_models load_model with_selective_kernels",
    "skviz.pictures.scaling": "InputSpec Views enlarge",
    "skviz.units": "Kernel Unit paper_units select_units",
}
_HOME = {name: module for module, names in _ROOMS.items() for name in names.split()}

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'skviz' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value  # The next use finds it without coming here.
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
