"""Reference of the validity flags, from their registry."""

from docs.site.markdown import escaped

from seatbelt_vae.attacks import FLAGS

__all__ = ["sections"]


def sections() -> str:
    """One section per flag."""
    lines: list[str] = []
    for name, meaning in FLAGS.items():
        lines += [
            f"## {name}",
            "",
            f"* **raised if** {escaped(meaning.raised_if)};",
            f"* **means**: {escaped(meaning.means)};",
            f"* **do**: {escaped(meaning.do)}.",
            "",
        ]
    return "\n".join(lines)
