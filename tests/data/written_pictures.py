"""Picture files written byte by byte, of depths and modes that Pillow does not write."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

WIDTH, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, SAMPLE_FORMAT = 256, 258, 259, 262, 277, 339
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
GREY_PNG, RGB_PNG, PALETTE_PNG, GREY_ALPHA_PNG, RGBA_PNG = 0, 2, 3, 4, 6


def chunk(kind, data):
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(values, bits):
    """Rows of values of some bits each, the first in the highest bits, padded to bytes."""
    rows = np.asarray(values).reshape(len(values), -1)
    if bits in (8, 16):
        return rows.astype(f">u{bits // 8}").tobytes(), rows.shape[1] * bits // 8
    places = np.arange(bits - 1, -1, -1)
    every = (rows[..., None] >> places & 1).reshape(len(rows), -1).astype(np.uint8)
    content = np.packbits(every, axis=1)
    return content.tobytes(), content.shape[1]


def png(values, bits, colour, *extra):
    """A PNG file of values (H, W) or (H, W, C) with further chunks before its data."""
    height, width = values.shape[:2]
    content, row = packed(values, bits)
    rows = b"".join(b"\0" + content[start : start + row] for start in range(0, len(content), row))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def tiff(values, bits, photometric=BLACK_IS_ZERO, kind=UNSIGNED, *, order="<", **other):
    """An uncompressed TIFF file of values (H, W) or (H, W, C)."""
    height, width, *samples = values.shape
    count = samples[0] if samples else 1
    if bits in (1, 2, 4, 12):
        data = packed(values, bits)[0]
    else:
        data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    tags = {256: width, 257: height, 258: [bits] * count, 259: 1, 262: photometric, 273: 8}
    tags |= {277: count, 278: height, 279: len(data), 339: [kind] * count}
    tags |= {int(tag[1:]): value for tag, value in other.items()}
    return tiff_file(tags, data, order)


def tiff_file(tags, data, order="<"):
    """A TIFF file of one page, with its data before its directory."""
    later = data + b"\0" * (len(data) % 2)
    entries = b""
    for tag, value in sorted(tags.items()):
        each = value if isinstance(value, list) else [value]
        kind, letter = (3, "H") if max(each) < 1 << 16 else (4, "I")
        content = struct.pack(f"{order}{len(each)}{letter}", *each)
        if len(content) > 4:
            content, later = struct.pack(f"{order}I", 8 + len(later)), later + content
        entries += struct.pack(f"{order}HHI", tag, kind, len(each)) + content.ljust(4, b"\0")
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8 + len(later))
    return start + later + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def saved(picture, kind, **options):
    """The file of a picture, or of an array, as Pillow writes it."""
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def as_palette(grey, table):
    """A picture of indices into a table of colours (256, 3)."""
    picture = Image.frombytes("P", grey.shape[::-1], grey.tobytes())
    picture.putpalette(np.asarray(table, np.uint8).tobytes())
    return picture
