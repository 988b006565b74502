"""Plays forms of a town one after the other."""

from services.eligibility.tests.pipeline import Pipeline
from services.eligibility.tests.town import Form, Home, home

HOME = home(1, 3)


def played(*forms: Form, homes: tuple[Home, ...] = (HOME,)) -> Pipeline:
    pipeline = Pipeline()
    pipeline.register(*homes)
    pipeline.run()
    for each in forms:
        pipeline.submit(each)
        pipeline.run()
    return pipeline
