"""How much of anything the intake accepts."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on one source; each keeps time, memory or disk from running away."""

    zip_entries: int = 200_000
    zip_directory_bytes: int = 48 << 20
    tar_entries: int = 2_000_000
    tar_header_bytes: int = 1 << 20
    unpacked_bytes: int = 64 << 30
    # Text packs 30:1 at best, pictures 1:1; the floor lets small files be odd.
    ratio: int = 100
    ratio_floor_bytes: int = 64 << 20
    image_bytes: int = 32 << 20
    # 25 megapixels are 100 MB once decoded with transparency.
    image_pixels: int = 25_000_000
    line_chars: int = 16 << 20
    json_array_bytes: int = 64 << 20
    parquet_group_bytes: int = 512 << 20
    columns: int = 200
    labels: int = 10_000
    # Columns beside the kind's own, and the characters of a value in one.
    further_columns: int = 16
    further_chars: int = 200
    problems: int = 1_000
    shard_bytes: int = 128 << 20
    chunk_chars: int = 16_384

    def unpacked_max_bytes(self, packed_bytes: int) -> int:
        """Return how many bytes so many packed ones may become."""
        return min(self.unpacked_bytes, max(self.ratio_floor_bytes, self.ratio * packed_bytes))
