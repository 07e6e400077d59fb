"""Flags of `app`; torch and gradio are not imported."""

from dataclasses import dataclass, field
from pathlib import Path

from tyro.conf import Positional

from seatbelt_vae.cli.run_options import Output, SubjectFlags
from seatbelt_vae.config import AdapterConfig, ReadingConfig
from seatbelt_vae.config.checks import positive
from seatbelt_vae.errors import ConfigError

__all__ = ["App"]


@dataclass(frozen=True, kw_only=True)
class App(ReadingConfig):
    """Attack models in the browser: a page on this machine, with the extra `app`.

    A folder of stored attacks is shown with sliders, also if its model is missing.

    Args:
        subjects: models, as for `attack`, or folders with stored attacks (default: the models of
            `seatbelt-vae zoo`).
        data: the data set of the pictures to choose from, as for `attack` (default: that of each
            model; faces of the package for models of the zoo).
        root: folder of the files of the data set.
        image_size: side in pixels.
        host: address to listen at; any other than the default lets others use the page.
        port: port to listen at (default: the first free one from 7860).
        seconds: time limit of one attack.
        at_once: attacks that run at the same time.
        waiting: attacks that wait for their turn; further ones are refused.
        repeat: a case that the page stored; it is attacked again and compared, without a page.
    """

    subjects: Positional[tuple[str, ...]] = ()
    data: str | None = None
    root: str | None = None
    image_size: int | None = None
    host: str = "127.0.0.1"
    port: int | None = None
    seconds: float = 120.0
    at_once: int = 2
    waiting: int = 8
    repeat: Path | None = None
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("seconds", "at_once", "waiting"):
            positive(name, getattr(self, name))
        if self.repeat is not None and not self.subjects:
            raise ConfigError("repeat without a model: give those of the case's command")
        if self.port is not None and not 0 <= self.port < 2**16:
            raise ConfigError(f"port is {self.port}, expected 0 to 65535")

    def flags_of(self, target: str) -> SubjectFlags:
        """The flags that open one of the subjects."""
        return SubjectFlags(
            target=target,
            data=self.data,
            root=self.root,
            image_size=self.image_size,
            adapter=self.adapter,
            **self.chosen_reading,
        )

    @property
    def opening(self) -> list[str]:
        """The words that open the subjects as these flags do, besides their names."""
        given = {"data": self.data, "root": self.root, "image_size": self.image_size}
        words: list[str] = []
        for name, value in (given | self.chosen_reading | self.adapter.given).items():
            if value is None:
                continue
            values = value if isinstance(value, tuple | list) else [value]
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [flag, *map(str, values)]
        return words

    to_resume = "run the same command again"
