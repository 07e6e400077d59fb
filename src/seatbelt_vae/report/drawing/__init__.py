"""Drawing for all pages: matplotlib figures as SVG with CSS variables as colours."""
