"""Figures of studies: comparisons, receptive fields, interventions, controls and verdicts."""
