"""Fast models of many biomarkers against many outcomes at once, each equal to statsmodels on one pair.

Legend of shapes, in every module here: n rows (people or eyes), K columns of the design (intercept included), B
tested variables, O outcomes. The effect of each tested variable is adjusted for the design; two tested variables never
adjust for each other.
"""
