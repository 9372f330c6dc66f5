"""Pictures one after the other as one file: GIF, by Pillow, or MP4, by ffmpeg where that is installed."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from microgradcnn.extras import MissingExtra, require
from microgradcnn.views.pages.exports.typst import pngs

SECONDS, LAST = 1.2, 4.0  # that a picture is shown, and that the last one is
WIDE, SHARP = 1400, 1.5  # a film is as wide in pixels at most, unless its pictures are; and so sharp


def gif(pictures: Sequence[str], progress: bool = False) -> bytes:
    """A GIF of pictures in SVG that starts again at its end. Raises MissingExtra without the extra `animation`.

    `progress` shows on a terminal how many are drawn.
    """
    image = require("PIL.Image", "animation", package="Pillow", needed_by="a GIF")
    with closing(_rendered(pictures, progress)) as drawn:
        packed = [*drawn]

    def frames() -> Iterator[Any]:  # one at a time: unpacked all of them take hundreds of megabytes
        for png in packed:
            yield image.open(io.BytesIO(png)).convert("RGB")

    palette = image.new("P", (1, 1))
    palette.putpalette(_colours(frames()))
    flat = (frame.quantize(palette=palette, dither=image.Dither.NONE) for frame in frames())
    durations = [round(1000 * SECONDS)] * (len(packed) - 1) + [round(1000 * LAST)]
    content = io.BytesIO()
    next(flat).save(content, "GIF", save_all=True, append_images=flat, duration=durations, loop=0, optimize=False)
    return content.getvalue()


def mp4(pictures: Sequence[str], progress: bool = False) -> bytes:
    """An MP4 in H.264 of pictures in SVG. Raises MissingExtra without ffmpeg or the extra `animation`.

    `progress` shows on a terminal how many are drawn.
    """
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise MissingExtra(
            "an MP4 needs the program ffmpeg, which is not installed: apt install ffmpeg, brew install ffmpeg or "
            "winget install ffmpeg; or save the film as .gif"
        )
    even = "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white"  # as H.264 wants width and height
    with TemporaryDirectory() as folder:
        out = Path(folder) / "film.mp4"
        command = [ffmpeg, "-loglevel", "error", "-f", "image2pipe", "-framerate", f"{1 / SECONDS:.4f}", "-c:v", "png"]
        command += ["-i", "-", "-vf", even, "-r", "5", "-c:v", "libx264", "-preset", "veryfast"]
        command += ["-tune", "stillimage", "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-bitexact", str(out)]
        with closing(_rendered(pictures, progress)) as drawn:
            said = _fed(command, drawn)
        if said is not None:
            raise ValueError(f"ffmpeg could not write the film: {said.decode(errors='replace').strip()[-300:]}")
        return out.read_bytes()


def _fed(command: Sequence[str], frames: Iterable[bytes]) -> bytes | None:
    """Run ffmpeg on frames as they come, the last of them for longer; what it says if it fails, None if it does not.

    Ctrl-C is for us: it ends ffmpeg too.
    """
    piped: dict[str, Any] = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
    with subprocess.Popen(command, **piped) as ffmpeg:
        assert ffmpeg.stdin is not None
        try:
            with suppress(BrokenPipeError):  # it says why it has left
                last = b""
                for last in frames:
                    ffmpeg.stdin.write(last)
                ffmpeg.stdin.write(last * round(LAST / SECONDS - 1))
            _, said = ffmpeg.communicate()
        except BaseException:
            ffmpeg.kill()
            raise
    return said if ffmpeg.returncode else None


def _colours(frames: Iterable[Any]) -> list[int]:
    """The 256 most frequent colours of all, so that flat ones stay as they are and none flickers."""
    counts: Counter[tuple[int, int, int]] = Counter()
    for frame in frames:
        counts.update({colour: n for n, colour in frame.getcolors(frame.width * frame.height)})
    return [part for colour, _ in counts.most_common(256) for part in colour]


def _rendered(pictures: Sequence[str], progress: bool) -> Generator[bytes, None, None]:
    found = re.search(r'width="(\d+)"', pictures[0])
    assert found is not None  # a film says how wide it is
    return pngs(pictures, min(SHARP, max(1.0, WIDE / float(found[1]))), progress)
