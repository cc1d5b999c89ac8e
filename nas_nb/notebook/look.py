"""How the panel looks: colours of the page's theme, so that it suits light and dark ones."""

from __future__ import annotations

STYLE = """
.nas-panel { max-width: 980px; padding: 4px 2px; }
.nas-panel p { margin: 0; line-height: 1.5; }
.nas-panel .widget-html-content { line-height: 1.5; height: auto; }
.nas-panel .widget-html { height: auto; overflow: visible; }
.nas-panel .nas-title { font-size: 1.2em; }
.nas-panel .nas-about, .nas-panel .nas-progress { color: var(--jp-ui-font-color1, #444); }
.nas-panel .nas-status { font-weight: 600; margin-top: 4px; }
.nas-panel progress { width: 240px; height: 12px; vertical-align: middle; accent-color: #0072B2; }
.nas-panel [role="alert"] { color: var(--jp-error-color0, #B00020); max-width: 560px; }
.nas-panel img { max-width: 100%; height: auto; border-radius: 4px; }
.nas-controls { flex-wrap: wrap; gap: 2px 18px; margin: 6px 0; overflow: visible; }
.nas-controls > .widget-vbox { overflow: visible; }
.nas-controls [role="alert"] { max-width: 190px; }
.nas-incumbent .widget-html-content { display: flex; flex-wrap: wrap; gap: 4px 36px;
  align-items: flex-start; }
.nas-panel .nas-table { border-collapse: collapse; font-size: 0.95em; }
.nas-panel .nas-table caption { text-align: left; font-weight: 600; padding: 4px 0; }
.nas-panel .nas-table th, .nas-panel .nas-table td {
  padding: 2px 14px 2px 0; vertical-align: top; line-height: 1.4;
  border-bottom: 1px solid var(--jp-border-color2, #E0E0E0);
}
.nas-panel .nas-table th { text-align: left; font-weight: 500; white-space: nowrap; }
.nas-panel .nas-table thead th { color: var(--jp-ui-font-color2, #666); }
"""
