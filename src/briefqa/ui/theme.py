"""The chat's Gradio theme: paper and ink, fonts of the system, nothing from the network."""

from __future__ import annotations

import gradio as gr

# The device's own fonts; names of Chinese ones last, so that Latin letters come from a Latin font.
FONTS = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Noto Sans",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "sans-serif",
)
MONO_FONTS = ("ui-monospace", "SFMono-Regular", "Consolas", "Noto Sans Mono", "monospace")

# (light, dark) of what Gradio itself paints; style.css has the same colours as --bq-…
_COLOURS = {
    "body_background_fill": ("#f7f4ee", "#15171a"),
    "body_text_color": ("#23272c", "#e6e3dc"),
    "body_text_color_subdued": ("#5a626b", "#a4abb3"),
    "background_fill_primary": ("#fffdf9", "#1d2024"),
    "background_fill_secondary": ("#f7f4ee", "#15171a"),
    "block_background_fill": ("transparent", "transparent"),
    "border_color_primary": ("#ddd6c9", "#353a41"),
    "border_color_accent": ("#1c5d78", "#86c5dd"),
    "color_accent_soft": ("#e3eef2", "#20333c"),
    "input_background_fill": ("#fffdf9", "#1d2024"),
    "input_border_color": ("#8d8779", "#6d7680"),
    "input_border_color_focus": ("#1c5d78", "#86c5dd"),
    "input_placeholder_color": ("#656c74", "#9aa2aa"),
    "button_primary_background_fill": ("#1c5d78", "#86c5dd"),
    "button_primary_background_fill_hover": ("#164b61", "#a3d5e8"),
    "button_primary_text_color": ("#ffffff", "#10222a"),
    "button_primary_border_color": ("transparent", "transparent"),
    "button_secondary_background_fill": ("transparent", "transparent"),
    "button_secondary_background_fill_hover": ("#ece6da", "#282d33"),
    "button_secondary_text_color": ("#23272c", "#e6e3dc"),
}


def make_theme() -> gr.themes.Base:
    """Return the theme, for light and dark."""
    colours = {}
    for name, (light, dark) in _COLOURS.items():
        colours[name], colours[f"{name}_dark"] = light, dark
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.cyan,
        neutral_hue=gr.themes.colors.stone,
        font=list(FONTS),
        font_mono=list(MONO_FONTS),
    )
    return theme.set(**colours, block_border_width="0px", block_shadow="none", block_padding="0px")
