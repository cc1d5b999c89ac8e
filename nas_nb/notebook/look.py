"""How the panel looks: colours of the page's theme, so that it suits light and dark ones."""

from __future__ import annotations

# Widgets draw the arrow of a list black, which a dark theme hides.
_ARROW = (
    '.nas-panel .widget-dropdown > select { background-image: url("data:image/svg+xml,'
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E%3Cpath d='M5 7l4 4 4-4' "
    "fill='none' stroke='%23808080' stroke-width='2'/%3E%3C/svg%3E\"); }"
)

STYLE = (
    _ARROW
    + """
.nas-panel { max-width: 1000px; padding: 4px 2px; }
.nas-panel p { margin: 0; line-height: 1.5; }
.nas-panel .widget-html-content { line-height: 1.5; height: auto; min-width: 0; }
.nas-panel .widget-html { height: auto; overflow: visible; }
.nas-panel .nas-title { font-size: 1.2em; }
.nas-panel .nas-about, .nas-panel .nas-progress { color: var(--jp-ui-font-color1, #444); }
.nas-panel .nas-help { color: var(--jp-ui-font-color2, #666); font-size: 0.92em; max-width: 900px; }
.nas-panel .nas-status { font-weight: 600; margin-top: 4px; }
.nas-panel .nas-caption { font-weight: 600; padding: 6px 0 2px; }
.nas-panel progress { width: 240px; height: 12px; vertical-align: middle; accent-color: #0072B2; }
.nas-panel [role="alert"] { color: var(--jp-error-color0, #B00020); max-width: 560px; }
.nas-panel img { max-width: 100%; height: auto; border-radius: 4px; }
.nas-panel .widget-tab { margin-top: 6px; }
.nas-panel .widget-tab > .lm-TabBar { min-height: 30px; overflow: visible; }
.nas-panel .widget-tab > .lm-TabBar .lm-TabBar-content { flex-wrap: wrap; align-items: flex-end; }
.nas-panel .widget-tab > .lm-TabBar .lm-TabBar-tab { flex: 0 1 auto; min-width: 0;
  padding: 0 7px; }
.nas-panel .widget-tab > .lm-TabBar .lm-TabBar-tab.lm-mod-current { font-weight: 600; }
.nas-panel .widget-tab > .widget-tab-contents { padding: 10px 12px; overflow: auto; }
.nas-panel .widget-box { overflow: visible; }
.nas-controls { flex-wrap: wrap; gap: 4px 34px; margin: 2px 0 6px; }
.nas-controls [role="alert"] { max-width: 230px; }
.nas-option { align-items: flex-start; }
.nas-option > :first-child { flex: none; }
.nas-option .nas-help { max-width: 380px; line-height: 1.3; }
.nas-row { flex-wrap: wrap; gap: 2px 10px; align-items: center; }
.nas-section { margin-bottom: 8px; border-bottom: 1px solid var(--jp-border-color2, #E0E0E0);
  padding-bottom: 6px; }
.nas-sides { flex-wrap: wrap; gap: 8px 24px; align-items: flex-start; }
.nas-sides > .nas-section { flex: 1 1 auto; }
.nas-sides > .widget-vbox > .widget-html + .widget-html { margin-top: 8px; }
.nas-side-by-side .widget-html-content { display: flex; flex-wrap: wrap; gap: 4px 36px;
  align-items: flex-start; }
.nas-panel .nas-code { background: var(--jp-layout-color2, #F5F5F5); padding: 8px 10px;
  margin: 2px 0; border-radius: 4px; overflow: auto; max-height: 420px; line-height: 1.35;
  font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px); }
.nas-panel .nas-log { max-height: 150px; overflow: auto; margin: 0; padding: 2px 0 2px 2px;
  list-style: none; white-space: pre; line-height: 1.45; font-size: 0.95em;
  font-family: var(--jp-code-font-family, monospace); border: 1px solid
  var(--jp-border-color2, #E0E0E0); }
.nas-panel .nas-table { border-collapse: collapse; font-size: 0.95em; }
.nas-panel .nas-table caption { text-align: left; font-weight: 600; padding: 4px 0; }
.nas-panel .nas-table th, .nas-panel .nas-table td {
  padding: 2px 14px 2px 0; vertical-align: top; line-height: 1.4;
  border-bottom: 1px solid var(--jp-border-color2, #E0E0E0);
}
.nas-panel .nas-table th { text-align: left; font-weight: 500; white-space: nowrap; }
.nas-panel .nas-table thead th { color: var(--jp-ui-font-color2, #666); }
.nas-panel .nas-table tr[aria-current] { background: var(--jp-layout-color2, #EEF4F8); }
.nas-panel .nas-table tr[aria-current] th { box-shadow: inset 3px 0 0 #0072B2; padding-left: 8px; }
"""
)
