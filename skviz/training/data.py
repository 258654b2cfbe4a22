"""Image folders as training and validation sets: torchvision's data sets and transforms."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from skviz.errors import ImageError, UsageError, did_you_mean
from skviz.image_folders import Listing, list_images
from skviz.images import read_image
from skviz.names import escaped
from skviz.notes import Note
from skviz.scaling import InputSpec, enlarge
from skviz.training.recipe import Recipe


def open_folder(root: str | os.PathLike[str], transform: Callable[..., Any] | None) -> ClassFolders:
    """Open an image folder with one sub-folder per class.

    The images are those that every command finds there (`skviz.image_folders`). Raises
    `UsageError` where the folder, its classes or a class's images are missing.
    """
    path = Path(root)
    if not path.is_dir():
        raise UsageError(f"expected a folder with one sub-folder per class, found none at {path}")
    listing = list_images(path)
    if len(listing.classes) < 2:
        raise UsageError(
            f"expected at least two class sub-folders in {path}, found {len(listing.classes)}; a "
            "class is a folder of images"
        )
    empty = [escaped(name) for name, images in listing.classes.items() if not images]
    if empty:
        raise UsageError(
            f"expected images in every class folder of {path}, found none for: "
            f"{', '.join(empty)}; remove the empty folders or fill them"
        )
    return ClassFolders(listing, transform)


class ClassFolders(ImageFolder):  # type: ignore[misc]  # torchvision has no types
    """torchvision's image folder, with the images and classes of a listing.

    `notes` say what the listing left out.
    """

    def __init__(self, listing: Listing, transform: Callable[..., Any] | None) -> None:
        self.listing = listing
        super().__init__(str(listing.root), transform=transform, loader=read_image)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was left out."""
        loose = [escaped(name) for name in self.listing.loose]
        beside = Note.about("left out", "images in no class folder", loose)
        return (*self.listing.notes, *([beside] if loose else []))

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """Return the names of the classes, as they are stored, and their numbers."""
        names = [escaped(name) for name in self.listing.classes]
        return names, {name: number for number, name in enumerate(names)}

    def make_dataset(
        self, directory: str | Path, *others: Any, **options: Any
    ) -> list[tuple[str, int]]:
        """Return path and class number of every image."""
        return [
            (os.path.join(directory, name), number)
            for number, images in enumerate(self.listing.classes.values())
            for name in images
        ]


@dataclass(frozen=True)
class Unreadable:
    """An image that could not be read, and why; both as they are printed."""

    path: str
    reason: str


class _ReadOnly(Dataset[str]):
    """Reads every image once and keeps only what went wrong."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> str:
        try:
            read_image(self.paths[index])
        except ImageError as error:
            return str(error)
        return ""


def drop_unreadable(dataset: ImageFolder, workers: int) -> list[Unreadable]:
    """Take images that cannot be read out of a data set; return them with the reason.

    Raises `UsageError` if a class has no readable image left.
    """
    paths = [path for path, _ in dataset.samples]
    loader = DataLoader(_ReadOnly(paths), batch_size=64, num_workers=workers, collate_fn=list)
    reasons = [reason for batch in loader for reason in batch]
    broken = [Unreadable(escaped(p), why) for p, why in zip(paths, reasons, strict=True) if why]
    kept = [s for s, why in zip(dataset.samples, reasons, strict=True) if not why]
    left = Counter(label for _, label in kept)
    for name, label in dataset.class_to_idx.items():
        if not left[label]:
            raise UsageError(
                f"expected a readable image in class '{name}', but every image of it is "
                f"unreadable, the first one: {broken[0].reason}"
            )
    dataset.samples = dataset.imgs = kept
    dataset.targets = [label for _, label in kept]
    return broken


def numbers_of(folder: ImageFolder, numbers: Mapping[str, int]) -> dict[int, int]:
    """Map a folder's class numbers to those of a network, by name; it may lack classes.

    Raises `UsageError` naming the classes that the network does not know.
    """
    unknown = [name for name in folder.classes if name not in numbers]
    if unknown:
        shown = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        raise UsageError(
            f"expected the classes of {folder.root} to be among the network's {len(numbers)}, "
            f"{len(unknown)} are not: {shown}.{did_you_mean(unknown[0], numbers)}"
        )
    return {index: numbers[name] for name, index in folder.class_to_idx.items()}


def training_transform(recipe: Recipe, spec: InputSpec, size: int) -> v2.Compose:
    """Random view of a picture: canvas, crop, flip, colours; (3, size, size), normalised.

    The canvas makes objects smaller than in the picture and the crop makes them larger:
    without a wide range of object sizes there is nothing to select kernels for.
    """
    fill = [round(255 * value) for value in spec.mean]
    steps: list[torch.nn.Module] = []
    if recipe.zoom_out > 0 and recipe.zoom_out_side > 1:
        steps.append(
            v2.RandomZoomOut(fill=fill, side_range=(1.0, recipe.zoom_out_side), p=recipe.zoom_out)
        )
    steps.append(
        v2.RandomResizedCrop(
            size, scale=recipe.crop_area, interpolation=v2.InterpolationMode.BILINEAR
        )
    )
    steps.append(v2.RandomHorizontalFlip(recipe.flip))
    if recipe.colour > 0:
        steps.append(v2.ColorJitter(recipe.colour, recipe.colour, recipe.colour))
        steps.append(v2.RandomGrayscale(0.05))
    steps += [
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(list(spec.mean), list(spec.std)),
    ]
    if recipe.erase > 0:
        steps.append(v2.RandomErasing(p=recipe.erase, scale=(0.02, 0.2)))
    return v2.Compose(steps)


@dataclass(frozen=True)
class EvaluationView:
    """The 1.0x view of a picture, as every command of skviz sees it: (3, H, W), normalised."""

    spec: InputSpec

    def __call__(self, image: Image.Image) -> Tensor:
        return enlarge(image, scales=(1.0,), spec=self.spec).images[0]


def balanced_sampler(
    labels: Sequence[int], power: float, generator: torch.Generator
) -> WeightedRandomSampler:
    """Draw as many images as there are, classes evened out by the power of their size."""
    counts = Counter(labels)
    weights = [counts[label] ** -power for label in labels]
    return WeightedRandomSampler(weights, len(labels), replacement=True, generator=generator)


def mixup(
    images: Tensor, labels: Tensor, classes: int, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Blend every image of a batch with another one (Zhang et al. 2018).

    Takes images (B, 3, H, W) and labels (B,), returns images and label shares (B, K).
    """
    share = float(torch.distributions.Beta(alpha, alpha).sample()) if alpha > 0 else 1.0
    shares = torch.nn.functional.one_hot(labels, classes).to(images.dtype)
    order = torch.randperm(len(images), generator=generator).to(images.device)
    return images.lerp(images[order], 1.0 - share), shares.lerp(shares[order], 1.0 - share)
