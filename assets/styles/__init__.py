"""Matplotlib style sheets: `plt.style.use("skviz.assets.styles.paper")`."""
