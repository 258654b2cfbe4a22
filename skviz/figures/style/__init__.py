"""How figures look: style sheets, places, the palette of scales, fonts and text."""
