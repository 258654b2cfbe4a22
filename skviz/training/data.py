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
from skviz.names import escaped
from skviz.notes import Note
from skviz.numbers import first_of
from skviz.pictures.image_folders import Listing, list_images
from skviz.pictures.images import read_image
from skviz.pictures.scaling import InputSpec, enlarge
from skviz.training.recipe import Recipe
from skviz.training.zoom import draw_window, random_window

# What pictures that are kept decoded may take together, in bytes.
MEMORY = 4 << 30


def open_folder(root: str | os.PathLike[str], transform: Callable[..., Any] | None) -> ClassFolders:
    """Open an image folder with one sub-folder per class.

    The images are those that every command finds there (`skviz.pictures.image_folders`). Raises
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


class Pictures:
    """Reads pictures, each at most once as long as they fit into `MEMORY`.

    The loader is what limits a core at small sizes. Processes forked from this one share
    what has been read before; others begin with nothing, as sending it would take longer.
    """

    def __init__(self) -> None:
        self._read: dict[str, Image.Image] = {}
        self._bytes = 0

    def __reduce__(self) -> tuple[type[Pictures], tuple[()]]:
        return Pictures, ()

    def __call__(self, path: str) -> Image.Image:
        """Return the picture at a path, to be copied before it is changed."""
        picture = self._read.get(path)
        if picture is None:
            picture = read_image(path)
            self.keep(path, picture)
        return picture

    def keep(self, path: str, picture: Image.Image) -> None:
        """Keep a picture that was read, if there is room."""
        size = picture.width * picture.height * 3
        if self._bytes + size <= MEMORY:
            self._read[path] = picture
            self._bytes += size


class _ReadOnce(Dataset[Image.Image | str]):
    """Gives every picture, or what went wrong with it."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image.Image | str:
        try:
            return read_image(self.paths[index])
        except ImageError as error:
            return str(error)


def drop_unreadable(dataset: ImageFolder, workers: int) -> list[Unreadable]:
    """Take images that cannot be read out of a data set; return them with the reason.

    What was read is kept in memory and the data set reads it from there. Raises `UsageError`
    if a class has no readable image left.
    """
    paths = [path for path, _ in dataset.samples]
    loader = DataLoader(_ReadOnce(paths), batch_size=64, num_workers=workers, collate_fn=list)
    pictures, reasons = Pictures(), []
    for path, found in zip(paths, (one for batch in loader for one in batch), strict=True):
        reasons.append(found if isinstance(found, str) else "")
        if not isinstance(found, str):
            pictures.keep(path, found)
    dataset.loader = pictures
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
        shown = first_of(unknown, 5)
        raise UsageError(
            f"expected the classes of {folder.root} to be among the network's {len(numbers)}, "
            f"{len(unknown)} are not: {shown}.{did_you_mean(unknown[0], numbers)}"
        )
    return {index: numbers[name] for name, index in folder.class_to_idx.items()}


class TrainingSet(Dataset[tuple[Tensor, Tensor]]):
    """Random views of the pictures of a folder: (3, size, size), normalised, and their class.

    The surround of a picture that is shrunk is a picture of another class.
    """

    def __init__(self, folder: ImageFolder, recipe: Recipe, spec: InputSpec, size: int) -> None:
        self.folder, self.recipe, self.size = folder, recipe, size
        self.colours = colour_transform(recipe, spec)

    def __len__(self) -> int:
        return len(self.folder.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        path, label = self.folder.samples[index]
        picture = self.folder.loader(path)
        window = random_window(picture, self.recipe)
        surround = self._of_another_class(label) if window.reaches_beyond(picture) else None
        view = draw_window(picture, window, self.size, surround)
        return self.colours(view), torch.tensor(label)

    def _of_another_class(self, label: int) -> Image.Image:
        while True:
            path, other = self.folder.samples[int(torch.randint(len(self), ()))]
            if other != label:
                picture: Image.Image = self.folder.loader(path)
                return picture


def colour_transform(recipe: Recipe, spec: InputSpec) -> v2.Compose:
    """Mirror, change colours, normalise: from a picture to (3, H, W)."""
    steps: list[torch.nn.Module] = [v2.RandomHorizontalFlip(recipe.flip)]
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


def evaluation_view(spec: InputSpec, image: Image.Image) -> Tensor:
    """The 1.0x view of a picture, as every command of skviz sees it: (3, H, W), normalised."""
    return enlarge(image, scales=(1.0,), spec=spec).images[0]


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
