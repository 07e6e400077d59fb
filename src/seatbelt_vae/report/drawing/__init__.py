"""Drawing for all pages: matplotlib figures as SVG whose colours are CSS variables."""
