"""Splits a page image into tiles, as the official code does (``run_ocr_2.0_crop.py``).

Sizes are (width, height) in pixels throughout, as in Pillow.
"""

from PIL import Image

from got_runtime.errors import TaskError
from got_runtime.model.image_processor import Size, resized
from got_runtime.sources.rgb import to_rgb

__all__ = ["split", "tile_grid"]


def tile_grid(width: int, height: int, max_tiles: int, tile_size: Size, min_tiles: int = 1) -> Size:
    """Columns and rows of the grid whose aspect ratio is nearest to the page's.

    Of two grids that are equally near, the one with more tiles is taken if the page has more than half of its pixels.

    Args:
        width, height: of the page in pixels.
        max_tiles, min_tiles: bounds on the number of tiles.
        tile_size: width and height of a tile in pixels.

    Raises:
        TaskError: no grid is possible.
    """
    grids = sorted(
        ((c, r) for c in range(1, max_tiles + 1) for r in range(1, max_tiles // c + 1) if c * r >= min_tiles),
        key=lambda grid: grid[0] * grid[1],
    )
    if not grids or width < 1 or height < 1:
        raise TaskError(
            f"no grid of {min_tiles} to {max_tiles} tiles for a page of {width}×{height} pixels: allow more"
        )

    def distance(grid: Size) -> float:
        return abs(width / height - grid[0] / grid[1])

    nearest = min(map(distance, grids))
    best, *larger = (grid for grid in grids if distance(grid) == nearest)
    for grid in larger:
        if width * height > 0.5 * tile_size[0] * tile_size[1] * grid[0] * grid[1]:
            best = grid
    return best


def split(image: Image.Image, grid: Size, tile_size: Size) -> list[Image.Image]:
    """The tiles of a page, row by row; if there are several, the whole page in one tile comes last.

    The page is resized to the grid (bicubic) without keeping its aspect ratio.

    Args:
        image: the page.
        grid: columns and rows (see :func:`tile_grid`).
        tile_size: width and height of a tile in pixels.
    """
    columns, rows = grid
    width, height = tile_size
    page = to_rgb(image)
    canvas = resized(page, (columns * width, rows * height))
    tiles = [
        canvas.crop((column * width, row * height, (column + 1) * width, (row + 1) * height))
        for row in range(rows)
        for column in range(columns)
    ]
    return tiles if len(tiles) == 1 else [*tiles, resized(page, tile_size)]
